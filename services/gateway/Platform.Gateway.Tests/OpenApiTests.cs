using System.Text.Json;
using System.Text.Json.Nodes;
using Platform.Testing;

namespace Platform.Gateway.Tests;

/// <summary>The HTTP description is a promise: it changes in the same commit as the routes. PLATFORM_APPROVE=1 writes it anew.</summary>
[Collection(nameof(AGateway))]
public sealed class OpenApiTests(AGateway gateway)
{
    private static readonly JsonSerializerOptions Indented = new() { WriteIndented = true };

    [Fact]
    public async Task The_description_is_as_committed()
    {
        using var nobody = gateway.ABrowser();
        var text = await nobody.Http.GetStringAsync("/openapi/v1.json", TestContext.Current.CancellationToken);
        var described = JsonNode.Parse(text)!.ToJsonString(Indented).ReplaceLineEndings("\n") + "\n";

        var file = Repository.Path("contracts", "openapi", "gateway.v1.json");
#pragma warning disable RS0030 // a switch of the developer, not a setting of the product
        if (Environment.GetEnvironmentVariable("PLATFORM_APPROVE") == "1")
#pragma warning restore RS0030
        {
            Directory.CreateDirectory(Path.GetDirectoryName(file)!);
            await File.WriteAllTextAsync(file, described, TestContext.Current.CancellationToken);
        }

        Assert.True(File.Exists(file), "Nothing approved. Look at the description, then run the tests with PLATFORM_APPROVE=1.");
        Assert.Equal(await File.ReadAllTextAsync(file, TestContext.Current.CancellationToken), described);
    }

    [Fact]
    public async Task Every_operation_names_its_refusals()
    {
        using var nobody = gateway.ABrowser();
        var document = JsonNode.Parse(await nobody.Http.GetStringAsync("/openapi/v1.json", TestContext.Current.CancellationToken))!;
        foreach (var (path, item) in document["paths"]!.AsObject())
        {
            foreach (var (method, operation) in item!.AsObject())
            {
                var answers = operation!["responses"]!.AsObject();
                Assert.True(answers.ContainsKey("401") && answers.ContainsKey("503"), $"{method} {path}");
                Assert.True(operation["summary"] is not null, $"{method} {path} has no summary");
            }
        }
    }
}
