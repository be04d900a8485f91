using System.Collections.Immutable;
using System.Net;
using Platform.Mitigation.Mitigations;
using Platform.Testing;

namespace Platform.Mitigation.Tests.Mitigations;

/// <summary>The situations that the sentences about mitigations begin with.</summary>
internal static class AMitigation
{
    public static readonly DateTimeOffset Noon = new(2030, 1, 1, 12, 0, 0, TimeSpan.Zero);
    public static readonly TimeSpan Hold = TimeSpan.FromSeconds(30);
    public static readonly TimeSpan MaximumDuration = TimeSpan.FromDays(1);
    public static readonly Guid AnomalyId = Guid.Parse("0190aaaa-0000-7000-8000-000000000001");
    public static readonly MitigationScope Scope = new(DerivedId.OfMitigation(AnomalyId), AnomalyId, "DP00000001");
    public static readonly IPNetwork Target = IPNetwork.Parse("203.0.113.10/32");
    public static readonly Guid CountermeasureId = DerivedId.For(Scope.MitigationId, $"Blackhole {Target}");
    public static readonly ContractScope Contract = new([IPNetwork.Parse("203.0.113.0/24"), IPNetwork.Parse("2001:db8::/48")], Ended: false);

    public static readonly DefensePolicy Policy = new MitigationOptions { BlackholeFrom = Severity.Low }.DefaultPolicy;
    public static readonly SafetyRails Rails = new(24, 48, ProtectedInfrastructure: [], AllowedSources: [], KillSwitchEngaged: false);
    public static readonly NetworkMeans Blackholes = new(FlowSpec: false, Scrubbing: false);
    public static readonly NetworkMeans WithFlowSpec = new(FlowSpec: true, Scrubbing: false, RedirectTo: "64500:100");
    public static readonly Defense Known = new(Contract, Policy, Rails, Blackholes, SlotAnswer.Granted, MaximumDuration);

    public static readonly MitigationEvent[] StartedAtNoon =
    [
        new MitigationStarted(Scope.MitigationId, AnomalyId, Scope.ServiceCode, Target, Noon + MaximumDuration, Noon, Evidence: [], Step: 2),
        new CountermeasureRequested(CountermeasureId, CountermeasureKind.Blackhole, Target, Noon),
    ];

    public static readonly CountermeasureAnnounced Announced = new(
        Scope, CountermeasureId, CountermeasureKind.Blackhole, "203.0.113.10/32 community 65535:666", "edge", Noon.AddSeconds(1));

    public static readonly AnomalyEndNoted EndNoted = new(
        Scope.MitigationId, Scope.ServiceCode, AnomalyId, HeldUntil: Noon.AddMinutes(5) + Hold, EndedAt: Noon.AddMinutes(5));

    public static readonly WithdrawalRequested Withdrawing = new(Scope.ServiceCode, WithdrawalReason.AnomalyEnded, null, Noon.AddMinutes(6));

    public static readonly MitigationEvent[] Over =
    [
        new CountermeasureWithdrawn(Scope, CountermeasureId, WithdrawalReason.AnomalyEnded, Noon.AddMinutes(7)),
        new MitigationEnded(Scope, Defended: true, Noon.AddMinutes(7)),
    ];

    public static Spec<MitigationState, MitigationEvent> With(params IEnumerable<MitigationEvent> happened) =>
        Spec.For(MitigationState.Stream).Given(happened);

    public static StartMitigation Start(
        string target = "203.0.113.10/32", ContractScope? contract = null, SlotAnswer slot = SlotAnswer.Granted) =>
        Start(target, Known with { Contract = contract ?? Contract, Slot = slot });

    public static StartMitigation Start(string target, Defense defense, params VectorEvidence[] evidence) =>
        new(Scope, target, evidence, defense, Noon);

    public static NoteAnomalyEnd End => new(Scope, Hold, EndedAt: Noon.AddMinutes(5), At: Noon.AddMinutes(5));

    public static WithdrawMitigation Withdraw(WithdrawalReason reason, DateTimeOffset at, string? note = null) =>
        new(Scope.MitigationId, reason, note, at);

    public static ConfirmAnnouncement ReadBack(string speaker = "edge") => new(
        new Dictionary<Guid, string> { [CountermeasureId] = "203.0.113.10/32 community 65535:666" }, speaker, Noon.AddSeconds(1));

    public static ConfirmClearance ReadGone(string speaker = "edge", params string[] speakers) => new(
        new Dictionary<Guid, ImmutableHashSet<string>> { [CountermeasureId] = speakers.Length == 0 ? ["edge"] : [.. speakers] },
        speaker,
        Noon.AddMinutes(7));
}
