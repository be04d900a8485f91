using Grpc.Core;
using Platform.Contracts.Detection.V1;
using Platform.Contracts.Mitigation.V1;
using Platform.Contracts.Notifications.V1;
using Platform.Contracts.Retention.V1;
using Platform.EventStore;
using Platform.Hosting;
using static Platform.Notifications.Tests.ANotificationsService;
using Wire = Platform.Contracts.Grpc.Notifications.V1;

namespace Platform.Notifications.Tests.Notices;

/// <summary>
/// From facts on the broker to what the portal shows: WhenAnomalyDetected, WhenAnomalyEnded,
/// WhenCountermeasureProposed, WhenCountermeasureAnnounced,
/// WhenMitigationFailed, WhenErasureCertified; and WhenErasureDue, which takes them away.
/// </summary>
public sealed class NoticesTests(ANotificationsService service) : IClassFixture<ANotificationsService>
{
    private const string Target = "203.0.113.10/32";

    private DateTimeOffset Now => service.Clock.GetUtcNow();

    [Fact]
    public async Task A_customer_reads_what_happened_newest_first()
    {
        const string code = "DP00000001";
        foreach (var fact in new object[] { Detected(Acme, code), Announced(Acme, code), Failed(Acme, code), Ended(Acme, code) })
        {
            service.Clock.Advance(TimeSpan.FromSeconds(1));
            await service.Host.Deliver(fact, service.NewId());
        }

        var notices = await List(Acme, code);

        Assert.Equal(
            ["anomaly-ended", "mitigation-failed", "countermeasure-announced", "anomaly-detected"], notices.Select(notice => notice.Kind));
        Assert.Equal(Target, notices[3].Details["target"]);
        Assert.Equal("400000000", notices[3].Details["bits_per_second"]);
        Assert.Equal(Target + " community 65535:666", notices[2].Details["route"]);
        Assert.Equal("target-outside-prefixes", notices[1].Details["code"]);
        Assert.Equal(Now, notices[0].PublishedAt.ToDateTimeOffset());
    }

    [Fact]
    [Trait("Requirement", "R1")]
    public async Task The_notice_of_an_attack_says_in_both_languages_which_rule_fired()
    {
        const string code = "DP00000091";
        await service.Host.Deliver(
            Detected(Acme, code) with
            {
                Severity = "high",
                Explanation = new AnomalyExplanation
                {
                    Sentence = "ntp reached 90,000 packets/s towards 203.0.113.10/32, over the learned threshold of 4,000 for a host",
                    SentenceJa = "203.0.113.10/32宛てのntpが90,000 packets/sに達し、学習されたホスト単位のしきい値4,000 packets/sを超えました",
                    Rule = "learned",
                    Level = "host",
                    Vector = "ntp",
                    Unit = "packets",
                    Measured = 90_000,
                    Threshold = 4_000,
                    Classification = "ntp-amplification",
                    Confidence = 0.92,
                },
            },
            service.NewId());
        await service.Host.Deliver(Detected(Acme, code), service.NewId()); // of a detection of the first release

        var told = (await List(Acme, code)).Select(notice => notice.Details).ToArray();
        var why = Assert.Single(told, details => details.ContainsKey("rule"));
        Assert.StartsWith("ntp reached 90,000 packets/s towards 203.0.113.10/32", why["explanation"], StringComparison.Ordinal);
        Assert.StartsWith("203.0.113.10/32宛てのntpが90,000 packets/sに達し", why["explanation_ja"], StringComparison.Ordinal);
        Assert.Equal(
            ("high", "learned", "host", "ntp-amplification", "92"),
            (why["severity"], why["rule"], why["level"], why["classification"], why["confidence_percent"]));
        Assert.Single(told, details => !details.ContainsKey("explanation"));
    }

    [Fact]
    public async Task Who_may_agree_to_a_countermeasure_is_told_that_it_waits_with_the_ids_that_the_approval_names()
    {
        const string code = "DP00000092";
        var announced = Announced(Acme, code);
        var fact = new CountermeasureProposed
        {
            TenantId = announced.TenantId,
            ServiceCode = code,
            MitigationId = service.NewId(),
            AnomalyId = announced.AnomalyId,
            CountermeasureId = service.NewId(),
            Kind = "flowspec",
            Route = $"to {Target} udp source-port 123 discard",
            ProposedAt = Now,
        };
        var messageId = service.NewId();
        await service.Host.Deliver(fact, messageId);
        await service.Host.Deliver(fact, messageId);
        await service.Host.Deliver(announced with { IsAllowance = true }, service.NewId()); // that somebody is let through is no news

        var notice = Assert.Single(await List(Acme, code));
        Assert.Equal(
            ("countermeasure-proposed", $"{fact.MitigationId}", $"{fact.CountermeasureId}", fact.Route),
            (notice.Kind, notice.Details["mitigation_id"], notice.Details["countermeasure_id"], notice.Details["route"]));
    }

    [Fact]
    public async Task The_same_message_twice_is_one_notice_and_one_word_to_the_neighbours()
    {
        const string code = "DP00000011";
        await using var told = await service.Host.Listen<NoticePublished>();
        foreach (var fact in new object[] { Detected(Acme, code), Announced(Acme, code), Failed(Acme, code), Ended(Acme, code) })
        {
            var messageId = service.NewId();
            await service.Host.Deliver(fact, messageId);
            await service.Host.Deliver(fact, messageId);
        }

        var notices = await List(Acme, code);
        Assert.Equal(4, notices.Count);
        await told.Get(notice => notice.Kind == "anomaly-ended" && notice.ServiceCode == code);
        Assert.Equal(
            notices.Select(notice => notice.NoticeId).Order(),
            told.Facts.Where(notice => notice.ServiceCode == code).Select(notice => notice.NoticeId.ToString()).Distinct().Order());
    }

    [Fact]
    public async Task Facts_in_the_wrong_order_are_the_same_notices()
    {
        const string code = "DP00000021";
        await service.Host.Deliver(Ended(Acme, code), service.NewId());
        await service.Host.Deliver(Detected(Acme, code), service.NewId());

        Assert.Equal(["anomaly-detected", "anomaly-ended"], (await List(Acme, code)).Select(notice => notice.Kind).Order());
    }

    [Fact]
    public async Task Another_tenants_notices_are_not_there()
    {
        const string code = "DP00000031";
        await service.Host.Deliver(Detected(Borg, code), service.NewId());

        Assert.Empty(await List(Acme, code));
        Assert.Single(await List(Borg, code));
        var refused = await Assert.ThrowsAsync<RpcException>(() => Ask(Borg.Value, service.Host.As(Acme, Roles.Administrator)));
        Assert.Equal("tenant-not-found", refused.Trailers.GetValue("platform-code"));
    }

    [Fact]
    public async Task The_providers_staff_name_a_tenant()
    {
        const string code = "DP00000041";
        await service.Host.Deliver(Detected(Borg, code), service.NewId());
        await service.Host.CatchUp();
        var staff = service.Host.As(TenantId.Provider, Roles.ProviderAuditor);

        Assert.Contains((await Ask(Borg.Value, staff)).Notices, notice => notice.ServiceCode == code);
        var refused = await Assert.ThrowsAsync<RpcException>(() => Ask("", staff));
        Assert.Equal("tenant-not-found", refused.Trailers.GetValue("platform-code"));
    }

    [Fact]
    [Trait("Requirement", "R14")]
    [Trait("Requirement", "R36")]
    public async Task An_erasure_takes_the_notices_of_the_contract_and_no_late_fact_brings_one_back()
    {
        const string code = "DP00000051";
        const string other = "DP00000052";
        await using var answers = await service.Host.Listen<DataErased>();
        foreach (var fact in new object[] { Detected(Acme, code), Announced(Acme, code), Detected(Acme, other), Detected(Borg, "DP00000053") })
        {
            await service.Host.Deliver(fact, service.NewId());
        }

        var erasureId = service.NewId();
        await service.Host.Deliver(Due(Acme, code, erasureId), service.NewId());
        await service.Host.Deliver(Ended(Acme, code), service.NewId());

        var answer = await answers.Get(answer => answer.ErasureId == erasureId);
        Assert.Equal(("notifications", 2), (answer.Owner, answer.Counts["notice"]));
        Assert.Empty(await List(Acme, code));
        Assert.Single(await List(Acme, other));
        Assert.Single(await List(Borg, "DP00000053"));
        Assert.Equal(0, await service.Query<long>(
            $"select count(*) from events.mt_events where tenant_id <> 'provider' and data ->> 'ServiceCode' = '{code}'"));
    }

    [Fact]
    public async Task A_repeated_request_to_erase_gets_the_same_answer()
    {
        const string code = "DP00000061";
        var erasureId = service.NewId();
        await using var answers = await service.Host.Listen<DataErased>();
        await service.Host.Deliver(Detected(Acme, code), service.NewId());
        await service.Host.Deliver(Due(Acme, code, erasureId), service.NewId());
        await answers.Get(answer => answer.ErasureId == erasureId);

        await service.Host.Deliver(Due(Acme, code, erasureId), service.NewId());

        await Testing.Eventually.Get(() => answers.Facts, heard => heard.Count == 2);
        Assert.Single(answers.Facts.Select(answer => answer.ErasedAt).Distinct());
        Assert.All(answers.Facts, answer => Assert.Equal(1, answer.Counts["notice"]));
    }

    [Fact]
    public async Task The_notice_of_the_certificate_comes_after_the_erasure_and_stays()
    {
        const string code = "DP00000071";
        var (erasureId, messageId) = (service.NewId(), service.NewId());
        await service.Host.Deliver(Detected(Acme, code), service.NewId());
        await service.Host.Deliver(Due(Acme, code, erasureId), service.NewId());

        await service.Host.Deliver(Certified(Acme, code, erasureId), messageId);
        await service.Host.Deliver(Certified(Acme, code, erasureId), messageId);
        await service.Host.Deliver(Due(Acme, code, service.NewId()), service.NewId());

        var notice = Assert.Single(await List(Acme, code));
        Assert.Equal("erasure-certified", notice.Kind);
        Assert.Equal(("3", erasureId.ToString()), (notice.Details["count/reporting/incident"], notice.Details["erasure_id"]));
    }

    [Fact]
    public async Task Views_rebuilt_from_the_streams_are_identical()
    {
        await service.Host.Deliver(Detected(Acme, "DP00000081"), service.NewId());
        await service.Host.Deliver(Detected(Acme, "DP00000082"), service.NewId());
        await service.Host.Deliver(Due(Acme, "DP00000082", service.NewId()), service.NewId());
        await service.Host.CatchUp();
        var before = await Views();

        await service.Host.Stop();
        await service.Query<long>("""
            with a as (delete from views.notices),
                b as (update platform.checkpoints set position = 0 where name = 'portal_notices_v1' returning 1)
            select count(*) from b
            """);
        await service.Host.Start();
        await service.Host.CatchUp();

        Assert.Equal(before, await Views());
    }

    private Task<string> Views() =>
        service.Query<string>("select coalesce(json_agg(n order by tenant_id, notice_id), '[]')::text from views.notices n");

    private async Task<IReadOnlyList<Wire.Notice>> List(TenantId tenant, string serviceCode)
    {
        await service.Host.CatchUp();
        var answer = await Ask("", service.Host.As(tenant, Roles.Viewer));
        return [.. answer.Notices.Where(notice => notice.ServiceCode == serviceCode)];
    }

    private async Task<Wire.ListNoticesResponse> Ask(string tenantId, Metadata caller) =>
        await new Wire.Notices.NoticesClient(service.Host.Channel).ListNoticesAsync(new Wire.ListNoticesRequest { TenantId = tenantId }, caller);

    private AnomalyDetected Detected(TenantId tenant, string code) => new()
    {
        TenantId = tenant.ToGuid(),
        ServiceCode = code,
        ObjectId = tenant.ToGuid(),
        AnomalyId = service.NewId(),
        Target = Target,
        Vectors = [new VectorRate { Vector = "udp", BitsPerSecond = 400_000_000, PacketsPerSecond = 90_000 }],
        BitsPerSecond = 400_000_000,
        PacketsPerSecond = 90_000,
        Since = Now,
        DetectedAt = Now,
    };

    private AnomalyEnded Ended(TenantId tenant, string code) => new()
    {
        TenantId = tenant.ToGuid(),
        ServiceCode = code,
        ObjectId = tenant.ToGuid(),
        AnomalyId = service.NewId(),
        Target = Target,
        PeakBitsPerSecond = 400_000_000,
        PeakPacketsPerSecond = 90_000,
        Reason = "subsided",
        Until = Now,
        EndedAt = Now,
    };

    private CountermeasureAnnounced Announced(TenantId tenant, string code) => new()
    {
        TenantId = tenant.ToGuid(),
        ServiceCode = code,
        MitigationId = service.NewId(),
        AnomalyId = service.NewId(),
        CountermeasureId = service.NewId(),
        Kind = "blackhole",
        Route = Target + " community 65535:666",
        Speaker = "gobgp",
        AnnouncedAt = Now,
    };

    private MitigationFailed Failed(TenantId tenant, string code) => new()
    {
        TenantId = tenant.ToGuid(),
        ServiceCode = code,
        MitigationId = service.NewId(),
        AnomalyId = service.NewId(),
        Code = "target-outside-prefixes",
        Detail = "The target is not in a protected prefix.",
        FailedAt = Now,
    };

    private ErasureDue Due(TenantId tenant, string code, Guid erasureId) => new()
    {
        TenantId = tenant.ToGuid(),
        ContractId = tenant.ToGuid(),
        ServiceCode = code,
        ErasureId = erasureId,
        DataClasses = ["customer", "incident"],
        DueAt = Now,
        RequestedAt = Now,
    };

    private ErasureCertified Certified(TenantId tenant, string code, Guid erasureId) => new()
    {
        TenantId = tenant.ToGuid(),
        ServiceCode = code,
        ErasureId = erasureId,
        Counts = new Dictionary<string, long> { ["reporting/incident"] = 3 },
        DueAt = Now,
        CertifiedAt = Now,
    };
}
