using System.Reflection;
using System.Text;
using Platform.EventStore;

namespace Platform.ContractTests;

/// <summary>What is stored is stored for ever: a name or member that changes would leave old events unreadable.</summary>
public sealed class StoredEventTests
{
    public static TheoryData<string> Services() => new(
        Directory.EnumerateDirectories(Path.Combine(Testing.Repository.Root, "services"))
            .Select(folder => Path.GetFileName(folder)!)
            .Where(name => name is not ("shared" or "portal" or "gateway" or "scrubber"))
            .Append("hosting") // what every owner stores
            .Order(StringComparer.Ordinal));

    [Theory]
    [MemberData(nameof(Services))]
    public void The_stored_events_of_a_service_are_as_approved(string service)
    {
        var assembly = Assembly.Load($"Platform.{char.ToUpperInvariant(service[0])}{service[1..]}");
        var text = new StringBuilder();
        foreach (var type in assembly.GetTypes().Where(IsStoredEvent).OrderBy(EventCatalog.NameOf, StringComparer.Ordinal))
        {
            text.Append(EventCatalog.NameOf(type)).Append('\n');
            Members(text, type, "  ");
        }

        Assert.NotEqual(0, text.Length);
        Approval.Matches($"{service}.events.txt", text.ToString());
    }

    /// <summary>Name, type and whether it is sealed; of records that the event holds only what is sealed in them.</summary>
    private static void Members(StringBuilder text, Type type, string indent)
    {
        foreach (var member in type.GetProperties(BindingFlags.Public | BindingFlags.Instance).OrderBy(p => p.Name, StringComparer.Ordinal))
        {
            var mark = member.IsDefined(typeof(SealedAttribute)) ? ", sealed" : member.IsDefined(typeof(SealScopeAttribute)) ? ", scope" : "";
            if (mark.Length > 0 || indent.Length == 2)
            {
                text.Append(indent).Append(member.Name).Append(": ").Append(Name(member.PropertyType)).Append(mark).Append('\n');
            }

            if (member.PropertyType is { IsClass: true, IsGenericType: false, IsArray: false } inner && inner.Assembly == type.Assembly)
            {
                Members(text, inner, indent + "  ");
            }
        }
    }

    private static bool IsStoredEvent(Type type) =>
        type is { IsClass: true, IsAbstract: false, BaseType.IsAbstract: true } && type.BaseType!.Name.EndsWith("Event", StringComparison.Ordinal);

    private static string Name(Type type) => type.IsGenericType
        ? $"{type.Name[..type.Name.IndexOf('`', StringComparison.Ordinal)]}<{string.Join(", ", type.GenericTypeArguments.Select(Name))}>"
        : type.Name;
}
