using Platform.EventStore;

namespace Platform.Detection.Bandwidth;

/// <summary>What was measured of an object.</summary>
/// <param name="ObjectId">The protected object.</param>
/// <param name="ServiceCode">Its contract.</param>
/// <param name="DeclaredBitsPerSecond">What is declared.</param>
/// <param name="BitsPerSecond">Mean of the busiest minute above; 0: it is within, and was long enough.</param>
/// <param name="Minute">Start of the minute; when it is within, the end of the last one above as far as this process knows (UTC).</param>
/// <param name="At">Now (UTC).</param>
internal sealed record MeasureUse(
    Guid ObjectId, string ServiceCode, long DeclaredBitsPerSecond, long BitsPerSecond, DateTimeOffset Minute, DateTimeOffset At)
{
    public bool IsAbove => BitsPerSecond > DeclaredBitsPerSecond;
}

/// <summary>When an excess begins, grows and ends. Pure.</summary>
internal static class BandwidthDecider
{
    private const double Growth = 1.25;

    /// <summary>Whether a minute has so much more than the highest that was told that it is told too.</summary>
    public static bool IsGrowth(long bitsPerSecond, long told) => bitsPerSecond >= told * Growth;

    /// <param name="current">What was.</param>
    /// <param name="command">What was measured.</param>
    /// <param name="peak">Mean of the busiest minute that the measuring process saw since.</param>
    public static Decision<BandwidthEvent> Decide(BandwidthState current, MeasureUse command, long peak = 0) => (current.Since, command.IsAbove) switch
    {
        (null, true) when command.Minute < current.Until => Decision<BandwidthEvent>.Unchanged, // by a process that came later and adds up what is over
        (null, true) => new BandwidthExceeded(
            command.ObjectId, command.ServiceCode, command.DeclaredBitsPerSecond, command.BitsPerSecond, command.Minute, command.At),
        ({ } since, true) when command.Minute > since && IsGrowth(command.BitsPerSecond, current.PeakBitsPerSecond) => new BandwidthExceeded(
            command.ObjectId, command.ServiceCode, command.DeclaredBitsPerSecond, command.BitsPerSecond, since, command.At, command.Minute),
        ({ } since, false) => new BandwidthKept(
            command.ObjectId,
            command.ServiceCode,
            command.DeclaredBitsPerSecond,
            Math.Max(current.PeakBitsPerSecond, peak),
            since,
            command.Minute > since ? command.Minute : since,
            command.At),
        _ => Decision<BandwidthEvent>.Unchanged,
    };
}
