using System.Globalization;
using System.Net;
using MassTransit;
using Platform.Contracts.Detection.V1;
using Platform.EventStore;
using Platform.Hosting;

namespace Platform.Mitigation.Mitigations;

/// <summary>Reaction: an anomaly was detected, so its target is defended at once, as far as policy and safety rails allow.</summary>
internal sealed class WhenAnomalyDetected(StreamStore store, DefenseFacts facts, TimeProvider clock, ILogger<WhenAnomalyDetected> log)
    : IConsumer<AnomalyDetected>
{
    public async Task Consume(ConsumeContext<AnomalyDetected> context)
    {
        var (anomaly, cancellation) = (context.Message, context.CancellationToken);
        var scope = new MitigationScope(DerivedId.OfMitigation(anomaly.AnomalyId), anomaly.AnomalyId, anomaly.ServiceCode);
        var session = store.Tenant(TenantId.Of(anomaly.TenantId));

        // Facts of accounts and detection come over different queues: the contract may still be on its way.
        var defense = await facts.Find(anomaly.TenantId, anomaly.ServiceCode, anomaly.ObjectId, cancellation)
            ?? throw new TimeoutException($"Contract {anomaly.ServiceCode} is not known yet; the anomaly waits.");
        var command = new StartMitigation(
            scope,
            anomaly.Target,
            Evidence.Of(anomaly.Vectors, anomaly.Explanation, anomaly.Prefixes),
            defense,
            clock.GetUtcNow(),
            anomaly.ObjectId,
            IsOutgoing: anomaly.Direction == "out");
        if (MitigationDecider.WaitsForScrubbers(command))
        {
            throw new TimeoutException("The scrubbers had no time yet to be heard; the anomaly waits.");
        }

        // Asked again, the same mitigation has its slots already; after its end they come back as abandoned.
        command = command with { Defense = await facts.WithSlots(defense, command, anomaly.TenantId, cancellation) };

        var decision = await session.Handle(
            MitigationState.Stream,
            scope.MitigationId.ToString(),
            state => MitigationDecider.Decide(state, command),
            context.Cause(),
            cancellation);

        Telemetry.Decided(decision);
        log.Decided(anomaly.AnomalyId, anomaly.Target, decision);
    }
}

/// <summary>Detection's words in ours.</summary>
internal static class Evidence
{
    /// <summary>Part of the packets from which on a shape is the attack's, and what is left would be no attack.</summary>
    private const double NearlyAll = 0.95;

    private static readonly int[] LengthClasses = [64, 128, 256, 512, 1024, 1518, 65_535]; // as in telemetry.proto: upper bounds

    public static IReadOnlyList<VectorEvidence> Of(
        IEnumerable<VectorRate> vectors, AnomalyExplanation? explanation = null, IReadOnlyList<TrafficShare>? prefixes = null) =>
    [
        .. from named in (IReadOnlyList<AttackedPrefix>?[])[PrefixesOf(prefixes)]
           from vector in vectors
           select new VectorEvidence(
            vector.Vector,
            vector.BitsPerSecond,
            vector.PacketsPerSecond,
            vector.ThresholdBitsPerSecond,
            vector.ThresholdPacketsPerSecond,
            // The shares are of all traffic: they say it of the vector that is most of it.
            vector.Vector == explanation?.Vector && Most(explanation.DestinationPorts) is > 0 and <= 65_535 and var port ? NumberRange.Of(port) : null,
            vector.Vector == explanation?.Vector && Most(explanation.PacketLengths) is { } length ? ClassOf(length) : null,
            vector.FlowsPerSecond,
            vector.ThresholdFlowsPerSecond,
            vector.BaselineBitsPerSecond,
            vector.Vector == explanation?.Vector && Most(explanation.SourcePorts) is > 0 and <= 65_535 and var source ? NumberRange.Of(source) : null,
            Prefixes: named,
            Protocol: vector.Vector == explanation?.Vector && Most(explanation.Protocols) is >= 0 and <= 255 and var protocol ? (byte)protocol : null),
    ];

    private static IReadOnlyList<AttackedPrefix>? PrefixesOf(IReadOnlyList<TrafficShare>? told) => told is { Count: > 0 }
        ? [.. told.Where(it => IPNetwork.TryParse(it.Value, out _)).Select(it => new AttackedPrefix(IPNetwork.Parse(it.Value), it.Share))]
        : null;

    private static int? Most(IReadOnlyList<TrafficShare> shares) =>
        shares is [{ Share: >= NearlyAll, Value: var value }, ..] && int.TryParse(value, NumberStyles.None, CultureInfo.InvariantCulture, out var number)
            ? number
            : null;

    private static NumberRange? ClassOf(int upper) => Array.IndexOf(LengthClasses, upper) switch
    {
        < 0 => null,
        0 => new NumberRange(0, upper),
        var index => new NumberRange(LengthClasses[index - 1] + 1, upper),
    };
}
