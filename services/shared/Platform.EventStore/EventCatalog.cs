using System.Collections.Frozen;
using System.Net;
using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Serialization;
using System.Text.RegularExpressions;

namespace Platform.EventStore;

/// <summary>Every event type of a service with its stored name, and the one way in which events become JSON.</summary>
/// <remarks>
/// JSON is System.Text.Json with PascalCase names, enums as integers, instants as ISO 8601 with offset, prefixes and addresses as
/// text, so that Marten reads what we wrote and back.
/// </remarks>
public sealed partial class EventCatalog
{
    private readonly FrozenDictionary<string, Type> _types;
    private readonly FrozenDictionary<Type, EventShape> _shapes;
    private readonly FrozenSet<Type> _basesOfSealed;
    private readonly FrozenSet<string?> _assemblies;
    private readonly Dictionary<Type, Func<object, object>> _upcasts = [];
    private MasterKey? _master;

    private EventCatalog(Dictionary<string, Type> types)
    {
        _types = types.ToFrozenDictionary();
        _shapes = types.ToFrozenDictionary(
            pair => pair.Value,
            pair => new EventShape(
                pair.Key, $"{pair.Value.FullName}, {pair.Value.Assembly.GetName().Name}", SealedMembers.Of(pair.Value)));
        _basesOfSealed = _shapes.Where(shape => shape.Value.Sealed is not null).SelectMany(shape => BasesOf(shape.Key)).ToFrozenSet();
        _assemblies = types.Values.Select(type => type.Assembly.GetName().Name).ToFrozenSet();
    }

    /// <summary>Event types by stored name.</summary>
    public IReadOnlyDictionary<string, Type> Types => _types;

    /// <summary>Whether any event has a property that is stored sealed.</summary>
    public bool Seals => _basesOfSealed.Count > 0;

    /// <summary>How events become JSON; for approval samples and for anyone who must read stored events.</summary>
    public static JsonSerializerOptions Json { get; } = new()
    {
        Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
        Converters = { new PrefixConverter(), new AddressConverter() },
    };

    /// <summary>All sealed records of the assemblies that derive from one of the given base records.</summary>
    /// <exception cref="ArgumentException">A type is nested or generic, two share a name, or a base has no event.</exception>
    public static EventCatalog Of(params Type[] eventBases)
    {
        var types = new Dictionary<string, Type>();
        foreach (var eventBase in eventBases)
        {
            var events = eventBase.Assembly.GetTypes().Where(type => type.IsSealed && type.IsSubclassOf(eventBase)).ToList();
            if (events.Count == 0)
            {
                throw new ArgumentException($"{eventBase} has no sealed event in its assembly.", nameof(eventBases));
            }

            foreach (var type in events)
            {
                if (type.IsNested || type.IsGenericType)
                {
                    throw new ArgumentException($"{type} is nested or generic: its stored name would not be readable by Marten.");
                }

                if (!types.TryAdd(NameOf(type), type))
                {
                    throw new ArgumentException($"{type} and {types[NameOf(type)]} would both be stored as {NameOf(type)}.");
                }
            }
        }

        return new EventCatalog(types);
    }

    /// <summary>Reads every stored <typeparamref name="TOld"/> as the newer shape; deciders and projections see only that.</summary>
    /// <returns>The same catalog.</returns>
    public EventCatalog Upcast<TOld, TNew>(Func<TOld, TNew> upcast)
        where TOld : class
        where TNew : class
    {
        _upcasts.Add(typeof(TOld), old => upcast((TOld)old));
        return this;
    }

    /// <summary>Seals and reads properties marked with <see cref="SealedAttribute"/>; needed as soon as one event has such a property.</summary>
    /// <returns>The same catalog.</returns>
    public EventCatalog SealWith(MasterKey master)
    {
        _master = master;
        return this;
    }

    /// <summary>Stored name by Marten's rule: split where a capital follows, lower case, joined by <c>_</c>.</summary>
    /// <example><c>AnomalyDetected</c> is <c>anomaly_detected</c>, <c>HTTPRequestReceived</c> is <c>http_request_received</c>.</example>
    public static string NameOf(Type type) => EndOfWord()
        .Replace(EndOfCapitals().Replace(type.Name, "$1_$2"), "$1_$2")
        .ToLowerInvariant();

    internal EventShape ShapeOf(object happened) => _shapes.TryGetValue(happened.GetType(), out var shape)
        ? shape
        : throw new InvalidOperationException($"{happened.GetType()} is not in the event catalog.");

    /// <summary>Whether a stream of this base record can hold sealed values.</summary>
    internal bool MaySeal(Type eventBase) => _basesOfSealed.Contains(eventBase);

    /// <summary>Whether the values of this stored event need a key before they can be read.</summary>
    internal bool IsSealed(string name) => _types.TryGetValue(name, out var type) && _shapes[type].Sealed is not null;

    internal bool Knows(string name) => _types.ContainsKey(name);

    /// <summary>Whether this is another program's own event, such as Marten's <c>archived</c>, and not one of a newer version of this service.</summary>
    internal bool IsForeign(string name, string? dotnetType) =>
        !Knows(name) && !(dotnetType?.Split(", ") is [_, var assembly, ..] && _assemblies.Contains(assembly));

    internal DataKeys NewKeys() => new(
        _master ?? throw new InvalidOperationException("Events have sealed properties, but the catalog was given no master key."));

    internal object Read(string name, byte[] json, Guid id, string tenant, DataKeys? keys)
    {
        if (!_types.TryGetValue(name, out var type))
        {
            throw new InvalidOperationException($"No event of this service is stored as {name}.");
        }

        var happened = keys is not null && _shapes[type].Sealed is { } members
            ? members.Unseal(json, id, tenant, keys)
            : JsonSerializer.Deserialize(json, type, Json);
        while (happened is not null && _upcasts.TryGetValue(happened.GetType(), out var upcast))
        {
            happened = upcast(happened);
        }

        return happened ?? throw new InvalidOperationException($"An event {name} is stored as JSON null.");
    }

    private static IEnumerable<Type> BasesOf(Type type)
    {
        for (var above = type.BaseType; above is not null; above = above.BaseType)
        {
            yield return above;
        }
    }

    [GeneratedRegex(@"(\P{Ll})(\P{Ll}\p{Ll})")]
    private static partial Regex EndOfCapitals();

    [GeneratedRegex(@"(\p{Ll})(\P{Ll})")]
    private static partial Regex EndOfWord();

    private sealed class PrefixConverter : JsonConverter<IPNetwork>
    {
        public override IPNetwork Read(ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options) =>
            IPNetwork.Parse(reader.GetString() ?? "");

        public override void Write(Utf8JsonWriter writer, IPNetwork value, JsonSerializerOptions options) =>
            writer.WriteStringValue(value.ToString());
    }

    private sealed class AddressConverter : JsonConverter<IPAddress>
    {
        public override IPAddress Read(ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options) =>
            IPAddress.Parse(reader.GetString() ?? "");

        public override void Write(Utf8JsonWriter writer, IPAddress value, JsonSerializerOptions options) =>
            writer.WriteStringValue(value.ToString());
    }
}

/// <summary>What the store knows about one event type.</summary>
internal sealed record EventShape(string Name, string DotnetType, SealedMembers? Sealed);
