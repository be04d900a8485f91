using System.Collections;
using System.Reflection;
using System.Text.Json;
using Platform.Contracts.Accounts.V1;

namespace Platform.ContractTests;

/// <summary>What is on the fact bus is a promise: its names, its members, its JSON.</summary>
public sealed class FactTests
{
    private static readonly JsonSerializerOptions Wire = new(JsonSerializerDefaults.Web) { WriteIndented = true };

    public static TheoryData<string> Facts() => new(Types().Select(type => type.FullName!));

    [Theory]
    [MemberData(nameof(Facts))]
    public void The_json_of_a_fact_is_as_approved(string name)
    {
        var type = Types().Single(candidate => candidate.FullName == name);
        var json = JsonSerializer.Serialize(Sample(type, ""), type, Wire);
        Approval.Matches($"facts/{name["Platform.Contracts.".Length..]}.json", json);
    }

    [Theory]
    [MemberData(nameof(Facts))]
    public void A_fact_with_a_member_of_a_later_release_is_still_read(string name)
    {
        var type = Types().Single(candidate => candidate.FullName == name);
        var json = JsonSerializer.Serialize(Sample(type, ""), type, Wire);
        var later = json.TrimEnd()[..^1] + ", \"addedInALaterRelease\": { \"deep\": [1, 2] } }";

        var read = JsonSerializer.Deserialize(later, type, Wire);

        Assert.Equal(json, JsonSerializer.Serialize(read, type, Wire));
    }

    [Fact]
    public void Contracts_reference_nothing_but_the_base_library() =>
        Assert.All(
            typeof(ContractSigned).Assembly.GetReferencedAssemblies(),
            reference => Assert.StartsWith("System.", reference.Name, StringComparison.Ordinal));

    [Fact]
    public void Every_fact_is_in_the_catalogue()
    {
        var catalogue = File.ReadAllText(Path.Combine(Testing.Repository.Root, "contracts", "README.md"));
        Assert.All(
            Types().Where(type => type.GetProperty("TenantId") is not null || !IsPart(type)),
            type => Assert.Contains($"| {type.FullName!["Platform.Contracts.".Length..]} |", catalogue, StringComparison.Ordinal));
    }

    private static bool IsPart(Type type) => Types().SelectMany(other => other.GetProperties()).Any(
        member => member.PropertyType == type || member.PropertyType.GenericTypeArguments.Contains(type));

    private static IEnumerable<Type> Types() =>
        typeof(ContractSigned).Assembly.GetExportedTypes().Where(type => type.IsClass).OrderBy(type => type.FullName, StringComparer.Ordinal);

    private static object Sample(Type type, string member)
    {
        if (type == typeof(string))
        {
            return member;
        }

        if (type == typeof(Guid))
        {
            return Guid.Parse("0190aaaa-0000-7000-8000-000000000001");
        }

        if (type == typeof(DateTimeOffset))
        {
            return new DateTimeOffset(2030, 1, 31, 15, 0, 0, TimeSpan.Zero);
        }

        if (Nullable.GetUnderlyingType(type) is { } inner)
        {
            return Sample(inner, member);
        }

        if (type == typeof(IReadOnlyDictionary<string, long>))
        {
            return new Dictionary<string, long> { [member] = 7 };
        }

        if (type.IsGenericType && type.GetGenericTypeDefinition() == typeof(IReadOnlyList<>))
        {
            var list = (IList)Activator.CreateInstance(typeof(List<>).MakeGenericType(type.GenericTypeArguments))!;
            list.Add(Sample(type.GenericTypeArguments[0], member));
            return list;
        }

        if (type.IsPrimitive)
        {
            return Convert.ChangeType(7, type, System.Globalization.CultureInfo.InvariantCulture);
        }

        var instance = System.Runtime.CompilerServices.RuntimeHelpers.GetUninitializedObject(type);
        foreach (var property in type.GetProperties(BindingFlags.Public | BindingFlags.Instance).Where(property => property.CanWrite))
        {
            property.SetValue(instance, Sample(property.PropertyType, property.Name));
        }

        return instance;
    }
}
