using System.Diagnostics.CodeAnalysis;

namespace Platform.EventStore;

/// <summary>The owner of a stream: a customer, or the provider itself.</summary>
/// <remarks>Stored as lower-case UUID text in <c>tenant_id</c>; the provider's own streams are under <c>provider</c>.</remarks>
public readonly record struct TenantId : IParsable<TenantId>
{
    private readonly string? _value;

    private TenantId(string value) => _value = value;

    /// <summary>Streams that belong to no customer: exporters, speakers, erasures.</summary>
    public static TenantId Provider { get; } = new("provider");

    /// <summary>The text as stored, for example <c>0190bbbb-0000-7000-8000-000000000001</c> or <c>provider</c>.</summary>
    public string Value => _value ?? throw new InvalidOperationException("A default TenantId names nobody.");

    /// <summary>The tenant with this id.</summary>
    public static TenantId Of(Guid id) =>
        id == Guid.Empty ? throw new ArgumentException("An empty id names nobody.", nameof(id)) : new(id.ToString("D"));

    /// <summary>Whatever a foreign writer stored, too, such as Marten's <c>*DEFAULT*</c>; nobody has a session of such a tenant.</summary>
    internal static TenantId Stored(string value) => new(value);

    /// <summary>The tenant's id. Throws for the provider, which has none.</summary>
    public Guid ToGuid() => Guid.ParseExact(Value, "D");

    /// <inheritdoc/>
    public static TenantId Parse(string s, IFormatProvider? provider = null) =>
        TryParse(s, provider, out var result) ? result : throw new FormatException($"'{s}' is not a tenant id.");

    /// <inheritdoc/>
    public static bool TryParse([NotNullWhen(true)] string? s, IFormatProvider? provider, out TenantId result)
    {
        result = s == Provider.Value ? Provider : Guid.TryParseExact(s, "D", out var id) && id != Guid.Empty ? Of(id) : default;
        return result._value is not null;
    }

    /// <inheritdoc/>
    public override string ToString() => _value ?? "";
}
