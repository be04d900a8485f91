using Platform.Retention.Erasures;

namespace Platform.Retention.Tests.Erasures;

/// <summary>A contract that ended on 2026-01-31 and has two owners of data.</summary>
internal static class AnErasure
{
    public static readonly Guid ContractId = Guid.Parse("0190dddd-0000-7000-8000-000000000001");

    public static readonly DateTimeOffset Due = new(2026, 3, 31, 15, 0, 0, TimeSpan.Zero); // midnight in Japan

    public static readonly ScheduleErasure Schedule = new(
        ErasureId.For(ContractId, 2),
        ARetentionService.Acme.ToGuid(),
        ContractId,
        "DP00000001",
        "ddos",
        ["customer", "incident"],
        MonthsAfterTermination: 2,
        TerminatedAt: new(2026, 1, 31, 1, 0, 0, TimeSpan.Zero),
        DueAt: Due);

    public static readonly RequestErasure Request = new(
        ["accounts", "reporting"], RepeatAfter: TimeSpan.FromMinutes(1), RepeatAtMost: TimeSpan.FromMinutes(3), At: Due);

    public static readonly ErasureScheduled Scheduled = new(
        Schedule.ErasureId,
        Schedule.TenantId,
        ContractId,
        Schedule.ServiceCode,
        Schedule.Service,
        Schedule.DataClasses,
        Schedule.MonthsAfterTermination,
        Schedule.TerminatedAt,
        Due);

    public static ErasureRequested Requested(int attempt, DateTimeOffset at, TimeSpan wait) => new(
        Schedule.ErasureId,
        Schedule.TenantId,
        ContractId,
        Schedule.ServiceCode,
        Schedule.DataClasses,
        Request.Owners,
        attempt,
        Due,
        RequestedAt: at,
        NextRequestAt: at + wait);

    public static ErasureRequested RequestedOnce => Requested(1, Due, TimeSpan.FromMinutes(1));

    public static ConfirmOwnerErasure Answer(string owner, long streams) => new(
        owner, new Dictionary<string, long> { ["incident"] = streams }, ErasedAt: Due.AddSeconds(1), At: Due.AddSeconds(2));

    public static OwnerErasureConfirmed Confirmed(string owner, long streams) => new(
        Schedule.ErasureId, owner, new Dictionary<string, long> { ["incident"] = streams }, Due.AddSeconds(1), Due.AddSeconds(2));

    public static ErasureCertified Certified(long accounts, long reporting) => new(
        Schedule.ErasureId,
        Schedule.TenantId,
        Schedule.ServiceCode,
        Schedule.DataClasses,
        new Dictionary<string, long> { ["accounts/incident"] = accounts, ["reporting/incident"] = reporting },
        Schedule.TerminatedAt,
        Due,
        CertifiedAt: Due.AddSeconds(2));
}
