using System.Collections.Immutable;
using System.Diagnostics;
using Platform.EventStore;

namespace Platform.Ingestion.Exporters;

public enum ExporterPresence
{
    /// <summary>Registered, never heard.</summary>
    Awaited,
    Heard,
    Silent,
}

/// <summary>What the rules must remember about one exporter.</summary>
/// <param name="ExporterId">Empty: not registered.</param>
/// <param name="Since">Of the last change of presence; what is older is no news.</param>
public sealed record ExporterState(
    Guid ExporterId, string Address, string Name, uint SamplingRate, string? ExpectedProtocol, ExporterPresence Presence, DateTimeOffset Since)
{
    /// <summary>What was said last: of loss, of its clock, and of its sampling in words.</summary>
    public ImmutableHashSet<string> Conditions { get; init; } = ["exporter-lossless", "clock-right"];

    private static readonly ExporterState None = new(Guid.Empty, "", "", 0, null, ExporterPresence.Awaited, DateTimeOffset.MinValue);

    public static readonly StreamType<ExporterState, ExporterEvent> Stream = new("exporter", None, Evolve);

    public bool IsRegistered => ExporterId != Guid.Empty;

    public static ExporterState Evolve(ExporterState current, ExporterEvent happened) => happened switch
    {
        ExporterRegistered e => new(e.ExporterId, e.Address, e.Name, e.SamplingRate, e.ExpectedProtocol, ExporterPresence.Awaited, e.RegisteredAt),
        ExporterChanged e => current with { Name = e.Name, SamplingRate = e.SamplingRate, ExpectedProtocol = e.ExpectedProtocol },
        ExporterFellSilent e => current with { Presence = ExporterPresence.Silent, Since = e.SilentAt },
        ExporterReturned e => current with { Presence = ExporterPresence.Heard, Since = e.ReturnedAt },
        ExporterConditionChanged e => current with { Conditions = With(current.Conditions, e) },
        ExporterRemoved => None,
        _ => throw new UnreachableException($"{happened.GetType().Name} is not part of the exporter stream."),
    };

    private static ImmutableHashSet<string> With(ImmutableHashSet<string> conditions, ExporterConditionChanged changed) => changed.Condition switch
    {
        "exporter-losing" => conditions.Remove("exporter-lossless").Add(changed.Condition),
        "exporter-lossless" => conditions.Remove("exporter-losing").Add(changed.Condition),
        "clock-skewed" => conditions.Remove("clock-right").Add(changed.Condition),
        "clock-right" => conditions.Remove("clock-skewed").Add(changed.Condition),
        _ => [.. conditions.Where(said => !said.StartsWith("one packet in ", StringComparison.Ordinal)), changed.Detail],
    };
}
