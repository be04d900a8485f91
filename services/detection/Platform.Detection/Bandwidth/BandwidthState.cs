using System.Diagnostics;
using Platform.EventStore;

namespace Platform.Detection.Bandwidth;

/// <summary>What the rules must remember of an object's use of its bandwidth.</summary>
/// <param name="Since">Start of the first minute above; null: within.</param>
/// <param name="PeakBitsPerSecond">Mean of the busiest minute that was told.</param>
internal sealed record BandwidthState(DateTimeOffset? Since, long PeakBitsPerSecond)
{
    /// <summary>End of the excess before; what was before it is told already.</summary>
    public DateTimeOffset Until { get; init; }

    public static readonly StreamType<BandwidthState, BandwidthEvent> Stream = new("bandwidth", new BandwidthState(null, 0), Evolve) { SettledBy = typeof(BandwidthKept) };

    public static BandwidthState Evolve(BandwidthState current, BandwidthEvent happened) => happened switch
    {
        BandwidthExceeded e => current with { Since = e.Since, PeakBitsPerSecond = e.BitsPerSecond },
        BandwidthKept e => new(null, 0) { Until = e.Until },
        _ => throw new UnreachableException($"{happened.GetType().Name} is not part of the bandwidth stream."),
    };
}
