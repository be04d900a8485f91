using System.Diagnostics;
using Platform.EventStore;

namespace Platform.Mitigation.AlwaysOn;

/// <param name="OrderId">The order that holds; null: none.</param>
/// <param name="ServiceCode">The contract; null before the first order.</param>
/// <param name="ChangedAt">When it was ordered or cancelled last (UTC); null when never.</param>
internal sealed record AlwaysOnState(Guid? OrderId, string? ServiceCode, DateTimeOffset? ChangedAt)
{
    /// <summary>Keyed by service code.</summary>
    public static readonly StreamType<AlwaysOnState, AlwaysOnEvent> Stream = new("always-on", new(null, null, null), Evolve);

    public static AlwaysOnState Evolve(AlwaysOnState current, AlwaysOnEvent happened) => happened switch
    {
        AlwaysOnOrdered e => new(e.OrderId, e.ServiceCode, e.OrderedAt),
        AlwaysOnCancelled e => current with { OrderId = null, ChangedAt = e.CancelledAt },
        _ => throw new UnreachableException($"{happened.GetType().Name} is not part of the always-on stream."),
    };
}
