using Grpc.Core;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Platform.Contracts.Accounts.V1;
using Platform.Contracts.Retention.V1;
using Platform.EventStore;
using Platform.Hosting;
using Platform.Retention.Erasures;
using Platform.Testing;
using static Platform.Retention.Tests.ARetentionService;
using Published = Platform.Contracts.Retention.V1;
using Wire = Platform.Contracts.Grpc.Retention.V1;

namespace Platform.Retention.Tests.Erasures;

/// <summary>From the end of a contract to its certificate: WhenContractTerminated, the timer, WhenDataErased.</summary>
public sealed class ErasureOfAContractTests(ARetentionService service) : IClassFixture<ARetentionService>
{
    private static readonly string[] Owners = ["accounts", "detection", "mitigation", "notifications", "reporting"];

    [Fact]
    [Trait("Requirement", "R36")]
    public async Task Nobody_is_asked_a_second_before_the_term_and_everybody_when_it_comes()
    {
        var ended = await AnEndedContract("DP00000001");
        var due = JapanCalendar.EndOfMonthAfter(ended.TerminatedAt, 2);
        Assert.Equal(("scheduled", due), await StatusOf(ended));
        await using var requests = await service.Host.Listen<ErasureDue>();

        service.Clock.AdvanceTo(due.AddSeconds(-1));
        await Timer.RequestDue(TestContext.Current.CancellationToken);
        Assert.Equal("scheduled", (await StatusOf(ended)).Status);
        Assert.IsType<ErasureScheduled>(Assert.Single(await History(ended)));

        service.Clock.AdvanceTo(due);
        var request = await requests.Get(request => request.ServiceCode == ended.ServiceCode);
        Assert.Equal((ended.TenantId, ended.ContractId, due), (request.TenantId, request.ContractId, request.DueAt));
        Assert.Equal(["customer", "incident"], request.DataClasses);
    }

    [Fact]
    [Trait("Requirement", "R14")]
    public async Task When_every_owner_has_answered_the_case_is_certified_once_with_the_counts_of_all()
    {
        await using var certificates = await service.Host.Listen<Published.ErasureCertified>();
        var ended = await ADueErasure("DP00000011");
        foreach (var owner in Owners.Reverse())
        {
            var messageId = service.NewId();
            await service.Host.Deliver(Answer(ended, owner, 2), messageId);
            await service.Host.Deliver(Answer(ended, owner, 2), messageId);
            await service.Host.Deliver(Answer(ended, owner, 9), service.NewId()); // a second answer, which says something else
        }

        var certificate = await certificates.Get(certificate => certificate.ServiceCode == ended.ServiceCode);
        Assert.Equal(Owners.ToDictionary(owner => $"{owner}/incident", _ => 2L), certificate.Counts);
        var told = await Tell(ended);
        Assert.Equal("certified", told.Status);
        Assert.Empty(told.WaitingFor);
        Assert.Equal(5, told.Counts.Count);
        Assert.NotNull(told.CertifiedAt);
        Assert.Single((await History(ended)).OfType<Platform.Retention.Erasures.ErasureCertified>());

        service.Clock.Advance(TimeSpan.FromDays(1));
        await Timer.RequestDue(TestContext.Current.CancellationToken);
        Assert.Single((await History(ended)).OfType<ErasureRequested>());
    }

    [Fact]
    public async Task While_an_owner_is_silent_all_are_asked_again_also_after_a_restart()
    {
        var ended = await ADueErasure("DP00000021");
        await service.Host.Deliver(Answer(ended, "accounts", 0), service.NewId());
        await service.Host.CatchUp();
        Assert.Equal(Owners.Where(owner => owner != "accounts"), (await Tell(ended)).WaitingFor);

        await service.Host.Restart();
        service.Clock.Advance(new ErasureOptions().RepeatAfter);

        await Eventually.Get(() => History(ended), history => history.OfType<ErasureRequested>().Count() == 2);
        Assert.Equal(Owners.Where(owner => owner != "accounts"), (await Tell(ended)).WaitingFor);
    }

    [Fact]
    public async Task A_term_that_came_while_the_service_was_down_is_met_at_its_start()
    {
        var ended = await AnEndedContract("DP00000031");
        await service.Host.CatchUp();
        await service.Host.Stop();
        service.Clock.AdvanceTo(JapanCalendar.EndOfMonthAfter(ended.TerminatedAt, 2).AddDays(3));

        await service.Host.Start();

        await Eventually.Get(() => Tell(ended), told => told.Status == "due");
    }

    [Fact]
    public async Task The_end_of_a_contract_told_twice_is_one_erasure()
    {
        var ended = Ended("DP00000041");
        var messageId = service.NewId();
        await service.Host.Deliver(ended, messageId);
        await service.Host.Deliver(ended, messageId);
        await service.Host.Deliver(ended, service.NewId());

        Assert.IsType<ErasureScheduled>(Assert.Single(await History(ended)));
        Assert.Equal("scheduled", (await Tell(ended)).Status);
    }

    [Fact]
    public async Task An_answer_in_the_wrong_order_before_the_question_or_the_end_of_the_contract_changes_nothing()
    {
        var ended = Ended("DP00000051");
        await service.Host.Deliver(Answer(ended, "reporting", 1), service.NewId());
        await service.Host.Deliver(ended, service.NewId());
        await service.Host.Deliver(Answer(ended, "reporting", 1), service.NewId());

        Assert.IsType<ErasureScheduled>(Assert.Single(await History(ended)));
    }

    [Fact]
    public async Task Only_the_providers_staff_see_erasures()
    {
        await AnEndedContract("DP00000061");

        foreach (var role in new[] { Roles.Administrator, Roles.Operator, Roles.Viewer })
        {
            var refused = await Assert.ThrowsAsync<RpcException>(() => List("", service.Host.As(Acme, role)));
            Assert.Equal(StatusCode.PermissionDenied, refused.StatusCode);
        }

        foreach (var role in new[] { Roles.ProviderOperator, Roles.ProviderMaintainer, Roles.ProviderAuditor })
        {
            Assert.NotEmpty((await List("", service.Host.As(TenantId.Provider, role))).Erasures);
        }
    }

    [Fact]
    public async Task A_view_rebuilt_from_the_streams_is_identical()
    {
        var ended = await ADueErasure("DP00000071");
        await service.Host.Deliver(Answer(ended, "accounts", 2), service.NewId());
        await service.Host.CatchUp();
        var before = await View();

        await service.Host.Stop();
        await service.Query<long>("""
            with a as (delete from views.erasures),
                b as (update platform.checkpoints set position = 0 where name = 'contract_erasures_v1' returning 1)
            select count(*) from b
            """);
        await service.Host.Start();
        await service.Host.CatchUp();

        Assert.Equal(before, await View());
    }

    private ErasureTimer Timer => service.Host.Services.GetServices<IHostedService>().OfType<ErasureTimer>().Single();

    private Task<string> View() =>
        service.Query<string>("select json_agg(e order by erasure_id)::text from views.erasures e where service_code = 'DP00000071'");

    private ContractTerminated Ended(string serviceCode) => new()
    {
        TenantId = Acme.ToGuid(),
        ContractId = service.NewId(),
        ServiceCode = serviceCode,
        Service = "ddos",
        Version = 2,
        TerminatedAt = service.Clock.GetUtcNow(),
    };

    private async Task<ContractTerminated> AnEndedContract(string serviceCode)
    {
        var ended = Ended(serviceCode);
        await service.Host.Deliver(ended, service.NewId());
        await service.Host.CatchUp();
        return ended;
    }

    private async Task<ContractTerminated> ADueErasure(string serviceCode)
    {
        var ended = await AnEndedContract(serviceCode);
        service.Clock.AdvanceTo(JapanCalendar.EndOfMonthAfter(ended.TerminatedAt, 2));
        await Eventually.Get(() => Tell(ended), told => told.Status == "due");
        return ended;
    }

    private DataErased Answer(ContractTerminated ended, string owner, long incidents) => new()
    {
        TenantId = ended.TenantId,
        ServiceCode = ended.ServiceCode,
        ErasureId = ErasureId.For(ended.ContractId, 2),
        Owner = owner,
        Counts = new Dictionary<string, long> { ["incident"] = incidents },
        ErasedAt = service.Clock.GetUtcNow(),
    };

    private async Task<Wire.Erasure> Tell(ContractTerminated ended)
    {
        await service.Host.CatchUp();
        return Assert.Single(
            (await List(ended.ServiceCode, service.Host.As(TenantId.Provider, Roles.ProviderAuditor))).Erasures);
    }

    private async Task<(string Status, DateTimeOffset DueAt)> StatusOf(ContractTerminated ended)
    {
        var told = await Tell(ended);
        return (told.Status, told.DueAt.ToDateTimeOffset());
    }

    private async Task<Wire.ListErasuresResponse> List(string serviceCode, Metadata caller) =>
        await new Wire.Erasures.ErasuresClient(service.Host.Channel).ListErasuresAsync(
            new Wire.ListErasuresRequest { ServiceCode = serviceCode }, caller);

    private async Task<IReadOnlyList<object>> History(ContractTerminated ended)
    {
        var history = await service.Host.Store.Tenant(TenantId.Provider).Read(
            ErasureState.Stream, ErasureId.For(ended.ContractId, 2).ToString(), TestContext.Current.CancellationToken);
        return [.. history.Select(recorded => recorded.Data)];
    }
}
