using System.Text.RegularExpressions;

namespace Platform.ArchitectureTests;

/// <summary>Rules of the guide that can be read off the files.</summary>
public sealed partial class FileRulesTests
{
    private static readonly string[] Headings =
        ["Purpose", "Owns", "Listens to", "Publishes", "Serves", "Settings", "Metrics and alerts", "Failure modes"];

    [Fact]
    public void Rules_use_nothing_but_the_base_library_and_the_event_store()
    {
        var rules = Source.Files("services", "*.cs").Where(file => RuleFile().IsMatch(file) && !file.Contains("/shared/", StringComparison.Ordinal)).ToArray();
        Assert.NotEmpty(rules);

        var foreign =
            from file in rules
            from line in File.ReadLines(file)
            let used = Using().Match(line)
            where used.Success
            let name = used.Groups["name"].Value
            where !name.StartsWith("System", StringComparison.Ordinal)
                && name != "Platform.EventStore"
                && !name.StartsWith("Platform." + ServiceNamespace(file), StringComparison.Ordinal)
            select $"{Source.Relative(file)}: {line}";
        Assert.Empty(foreign);
    }

    [Fact]
    public void No_service_references_another_service()
    {
        var foreign =
            from service in Source.Services()
            from project in Directory.EnumerateFiles(Source.ProjectOf(service), "*.csproj")
            from line in File.ReadLines(project)
            where line.Contains("ProjectReference", StringComparison.Ordinal)
                && !line.Contains("/shared/", StringComparison.Ordinal)
                && !line.Contains("/contracts/", StringComparison.Ordinal)
            select $"{Source.Relative(project)}: {line.Trim()}";
        Assert.Empty(foreign);
    }

    [Fact]
    public void Every_service_has_a_readme_with_the_required_headings()
    {
        var missing =
            from service in Source.Services()
            let readme = Path.Combine(service, "README.md")
            let text = File.Exists(readme) ? File.ReadAllText(readme) : ""
            from heading in Headings
            where !text.Contains($"## {heading}", StringComparison.Ordinal)
            select $"{Source.Relative(readme)}: {heading}";
        Assert.Empty(missing);
    }

    [Fact]
    public void Every_program_reads_as_a_table_of_contents()
    {
        var long_ = Source.Services().Select(service => Path.Combine(Source.ProjectOf(service), "Program.cs"))
            .Where(program => File.ReadAllLines(program).Length > 45)
            .Select(program => $"{Source.Relative(program)}: {File.ReadAllLines(program).Length} lines");
        Assert.Empty(long_);
    }

    [Fact]
    public void Every_options_class_is_validated_at_start()
    {
        var all = string.Concat(Source.Files("services", "*.cs").Select(File.ReadAllText));
        var unvalidated =
            from file in Source.Files("services", "*Options.cs")
            let name = Path.GetFileNameWithoutExtension(file)
            where !file.Contains(".Tests/", StringComparison.Ordinal)
                && !file.Contains("/Platform.Grpc/", StringComparison.Ordinal) // mirrors another library's names
                && !file.Contains("/Platform.EventStore/", StringComparison.Ordinal)
            where !all.Contains($"AddValidatedOptions<{name}>", StringComparison.Ordinal)
            select Source.Relative(file);
        Assert.Empty(unvalidated);
    }

    [Fact]
    public void Queue_names_are_unique()
    {
        var twice =
            from service in Source.Services()
            from file in Source.Files(Path.GetRelativePath(Source.Root, Source.ProjectOf(service)), "When*.cs")
            group file by $"{Path.GetFileName(service)}/{Path.GetFileName(file)}" into same
            where same.Count() > 1
            select same.Key;
        Assert.Empty(twice);
    }

    [Fact]
    public void Every_project_is_in_the_solution()
    {
        var solution = File.ReadAllText(Path.Combine(Source.Root, "Platform.sln")).Replace('\\', '/');
        var missing = Source.Files(".", "*.csproj").Select(Source.Relative)
            .Where(project => !solution.Contains(project.Replace("./", "", StringComparison.Ordinal), StringComparison.Ordinal));
        Assert.Empty(missing);
    }

    [Fact]
    public void Every_link_between_documents_leads_somewhere()
    {
        var broken =
            from file in Source.Files(".", "*.md")
            from Match link in Link().Matches(File.ReadAllText(file))
            let target = link.Groups["target"].Value
            where !target.Contains("://", StringComparison.Ordinal) && !target.StartsWith('#')
            let path = Path.Combine(Path.GetDirectoryName(file)!, target.Split('#')[0])
            where !File.Exists(path) && !Directory.Exists(path)
            select $"{Source.Relative(file)}: {target}";
        Assert.Empty(broken);
    }

    [Fact]
    public void Every_fact_consumer_has_the_case_twice_and_the_case_wrong_order_or_says_why_not()
    {
        var untested =
            from service in Source.Services()
            let tests = Directory.EnumerateDirectories(service, "*.Tests").Single()
            let text = string.Concat(Source.Files(Path.GetRelativePath(Source.Root, tests), "*.cs").Select(File.ReadAllText))
            from file in Source.Files(Path.GetRelativePath(Source.Root, Source.ProjectOf(service)), "When*.cs")
            let name = Path.GetFileNameWithoutExtension(file)
            where !text.Contains(name, StringComparison.Ordinal)
            select Source.Relative(file);
        Assert.Empty(untested);
    }

    [Fact]
    public void The_catalogue_names_exactly_the_services_that_consume_a_fact()
    {
        var heard = (
            from service in Source.Services()
            from file in Source.Files(Path.GetRelativePath(Source.Root, Source.ProjectOf(service)), "*.cs")
            let text = File.ReadAllText(file)
            from fact in Consumer().Matches(text).Select(match => match.Groups["fact"].Value)
                .Concat(text.Contains(".AddErasures()", StringComparison.Ordinal) ? ["ErasureDue"] : [])
            select (Fact: fact, Service: Path.GetFileName(service))).ToLookup(pair => pair.Fact, pair => pair.Service);
        var rows = File.ReadLines(Path.Combine(Source.Root, "contracts", "README.md")).Select(line => CatalogueRow().Match(line))
            .Where(row => row.Success).ToArray();
        Assert.NotEmpty(rows);

        var untrue =
            from row in rows
            let written = row.Groups["consumers"].Value.Split(", ").Where(service => service != "-").Order(StringComparer.Ordinal)
            let real = heard[row.Groups["fact"].Value].Distinct().Order(StringComparer.Ordinal)
            where !written.SequenceEqual(real)
            select $"{row.Groups["fact"].Value} is consumed by: {string.Join(", ", real)}";
        Assert.Empty(untrue);
    }

    private static string ServiceNamespace(string file)
    {
        var project = file.Split('/').First(part => part.StartsWith("Platform.", StringComparison.Ordinal));
        return project["Platform.".Length..];
    }

    [Fact]
    public void Every_projection_names_tables_that_its_service_has_so_that_it_can_be_rebuilt()
    {
        var projections = Source.Files("services", "*.cs")
            .Where(file => !file.Contains(".Tests/", StringComparison.Ordinal) && File.ReadAllText(file).Contains(" : IProjection", StringComparison.Ordinal))
            .ToArray();
        Assert.NotEmpty(projections);

        var missing =
            from file in projections
            let text = File.ReadAllText(file)
            let schema = string.Concat(Source.Files(Path.Combine("services", Source.Relative(file).Split('/')[1]), "*.sql").Select(File.ReadAllText))
            from table in Tables().Match(text) is { Success: true } tables
                ? tables.Groups["table"].Captures.Select(capture => capture.Value)
                : ProjectionName().Matches(text).Select(name => name.Groups["name"].Value)
            where !Regex.IsMatch(schema, $@"create table views\.{table}\b")
            select $"{Source.Relative(file)}: views.{table}";
        Assert.Empty(missing);
    }

    [GeneratedRegex(@" Tables => \[(""(?<table>\w+)""(, )?)+\];")]
    private static partial Regex Tables();

    [GeneratedRegex(@" Name => ""(?<name>\w+)"";")]
    private static partial Regex ProjectionName();

    [GeneratedRegex(@"/Platform\.\w+/.*(Decider(\.\w+)?|State|Events|Rejections)\.cs$")]
    private static partial Regex RuleFile();

    [GeneratedRegex(@"^using (static )?(\w+ = )?(?<name>[\w.]+);")]
    private static partial Regex Using();

    [GeneratedRegex(@"\bIConsumer<(?<fact>\w+)>")]
    private static partial Regex Consumer();

    [GeneratedRegex(@"^\| \w+\.V\d+\.(?<fact>\w+) \|[^|]*\|[^|]*\| (?<consumers>[^|]*) \|")]
    private static partial Regex CatalogueRow();

    [GeneratedRegex(@"\]\((?<target>[^)\s]+)\)")]
    private static partial Regex Link();
}
