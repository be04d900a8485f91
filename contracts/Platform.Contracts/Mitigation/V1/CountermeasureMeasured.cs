namespace Platform.Contracts.Mitigation.V1;

/// <summary>
/// What a countermeasure did to the traffic of its target. Published when the verdict changes, and a last time when it goes.
/// </summary>
/// <remarks>Producer: mitigation. Consumers: reporting. Key: <see cref="CountermeasureId"/>, ordered by <see cref="MeasuredAt"/>.</remarks>
public sealed record CountermeasureMeasured
{
    /// <summary>The tenant (customer) it is about.</summary>
    public required Guid TenantId { get; init; }

    /// <summary>Service code of the contract, unique and never reused, for example <c>DP00000001</c>.</summary>
    public required string ServiceCode { get; init; }

    /// <summary>Identity of the mitigation (UUID); one per anomaly, and one for each time that a defence is begun by hand.</summary>
    public required Guid MitigationId { get; init; }

    /// <summary>Identity of the anomaly for its whole life (UUID version 7).</summary>
    public required Guid AnomalyId { get; init; }

    /// <summary>Identity of the countermeasure (UUID).</summary>
    public required Guid CountermeasureId { get; init; }

    /// <summary>
    /// <c>helped</c>, <c>unchanged</c> (it stands and nothing changed), <c>not-seen</c> (the attack goes on and does not pass where it should) or
    /// <c>unmeasured</c> (open set).
    /// </summary>
    public required string Verdict { get; init; }

    /// <summary>
    /// The verdict as an English sentence with its figures, for example <c>Nothing changed: 79 of 80 Mbit/s still arrive.</c>; null from older
    /// producers. Since release 3.
    /// </summary>
    public string? Words { get; init; }

    /// <summary>The most that detection told of the attack, in bits per second: until something was in force against it, and with what joined it since; 0: nothing.</summary>
    public required long BeforeBitsPerSecond { get; init; }

    /// <summary>Rate of that vector while it stood, in bits per second; null when it was not measured. Since release 2.</summary>
    public long? DuringBitsPerSecond { get; init; }

    /// <summary>Rate of that vector after it went, in bits per second; null before, and when it was not measured. Since release 2.</summary>
    public long? AfterBitsPerSecond { get; init; }

    /// <summary>Discarded by it so far, packets; null when its means does not count.</summary>
    public long? DroppedPackets { get; init; }

    /// <summary>Discarded by it so far, bytes of IP packets; null when its means does not count.</summary>
    public long? DroppedBytes { get; init; }

    /// <summary>Passed to the target so far, packets; null when its means does not count.</summary>
    public long? PassedPackets { get; init; }

    /// <summary>Passed to the target so far, bytes of IP packets; null when its means does not count.</summary>
    public long? PassedBytes { get; init; }

    /// <summary>When it was measured (UTC).</summary>
    public required DateTimeOffset MeasuredAt { get; init; }
}
