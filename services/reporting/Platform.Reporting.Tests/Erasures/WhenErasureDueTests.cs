using Microsoft.Extensions.DependencyInjection;
using Platform.Contracts.Retention.V1;
using Platform.EventStore;
using Platform.Hosting.Erasures;
using Platform.Reporting.Tests.Incidents;
using Platform.Testing;
using static Platform.Reporting.Tests.AReportingService;

namespace Platform.Reporting.Tests.Erasures;

/// <summary>WhenErasureDue: what it takes, what it leaves, and what cannot come back.</summary>
public sealed class WhenErasureDueTests(AReportingService service) : IClassFixture<AReportingService>
{
    [Fact]
    [Trait("Requirement", "R14")]
    [Trait("Requirement", "R36")]
    public async Task The_incidents_of_the_contract_are_gone_from_every_table_and_the_others_are_not()
    {
        var (first, second) = (AnAttack(Acme, "DP00000101"), AnAttack(Acme, "DP00000101"));
        var (otherContract, otherTenant) = (AnAttack(Acme, "DP00000102"), AnAttack(Borg, "DP00000103"));
        foreach (var facts in new[] { first, second, otherContract, otherTenant })
        {
            await Deliver([facts.Detected with { Prefixes = [new() { Value = "203.0.113.0/24", Share = 1 }] }, .. facts.Story.Skip(1)]);
        }

        await service.Host.CatchUp();
        Assert.Equal(2, await Rows("views.incident_prefixes", first.AnomalyId, second.AnomalyId));
        var erasureId = service.NewId();
        await using var answers = await service.Host.Listen<DataErased>();
        await Deliver(first.ErasureDue(erasureId));

        var answer = await answers.Get(answer => answer.ErasureId == erasureId);
        Assert.Equal(("reporting", "DP00000101", Acme.ToGuid()), (answer.Owner, answer.ServiceCode, answer.TenantId));
        Assert.Equal(new Dictionary<string, long> { ["incident"] = 2 }, answer.Counts);
        await service.Host.CatchUp();
        var everything = await Everything();
        Assert.DoesNotContain(first.AnomalyId.ToString(), WithoutNamesOfErasedStreams(everything), StringComparison.Ordinal);
        Assert.DoesNotContain(second.AnomalyId.ToString(), WithoutNamesOfErasedStreams(everything), StringComparison.Ordinal);
        Assert.Equal(2, await service.Query<long>("select count(*) from views.incident_prefixes"));
        Assert.Equal(2, await Rows("views.incidents", otherContract.AnomalyId, otherTenant.AnomalyId));
        Assert.Equal(18, await Rows("views.incident_steps", otherContract.AnomalyId, otherTenant.AnomalyId));
        Assert.Contains($"incident:{otherContract.AnomalyId}", everything, StringComparison.Ordinal);
    }

    [Fact]
    [Trait("Requirement", "R36")]
    public async Task No_late_fact_brings_an_incident_of_an_erased_contract_back()
    {
        var known = AnAttack(Acme, "DP00000111");
        await Deliver(known.Detected);
        await Deliver(known.ErasureDue(service.NewId()));

        await Deliver(known.Story);
        await Deliver(AnAttack(Acme, "DP00000111").Story);

        await service.Host.CatchUp();
        Assert.Equal(0, await service.Query<long>("select count(*) from views.incidents where service_code = 'DP00000111'"));
        Assert.Equal(0, await service.Query<long>(
            "select count(*) from events.mt_events where tenant_id <> 'provider' and data ->> 'ServiceCode' = 'DP00000111'"));
    }

    [Fact]
    public async Task Who_asks_again_gets_the_same_answer_again()
    {
        var facts = AnAttack(Acme, "DP00000121");
        await Deliver(facts.Detected);
        var erasureId = service.NewId();
        await using var answers = await service.Host.Listen<DataErased>();
        await Deliver(facts.ErasureDue(erasureId));
        await answers.Get(answer => answer.ErasureId == erasureId);

        await Deliver(facts.ErasureDue(erasureId));

        await Eventually.Get(() => answers.Facts, heard => heard.Count == 2);
        Assert.All(answers.Facts, answer => Assert.Equal(1, answer.Counts["incident"]));
        Assert.Single(answers.Facts.Select(answer => answer.ErasedAt).Distinct());
    }

    [Fact]
    public async Task The_same_request_twice_erases_and_records_once()
    {
        var facts = AnAttack(Acme, "DP00000131");
        await Deliver(facts.Detected);
        var (erasureId, messageId) = (service.NewId(), service.NewId());

        await service.Host.Deliver(facts.ErasureDue(erasureId), messageId);
        await service.Host.Deliver(facts.ErasureDue(erasureId), messageId);

        Assert.Equal(1, await service.Query<long>(
            $"select count(*) from events.mt_events where type = 'data_erasure_recorded' and data ->> 'ErasureId' = '{erasureId}'"));
    }

    [Fact]
    public async Task An_erasure_that_was_interrupted_before_its_proof_still_counts_what_it_took()
    {
        var facts = AnAttack(Acme, "DP00000141");
        await Deliver(facts.Detected);
        var erasureId = service.NewId();
        var eraser = service.Host.Services.GetRequiredService<IContractEraser>();
        await eraser.EraseContract(
            facts.ErasureDue(erasureId), new Cause("interrupted"), TestContext.Current.CancellationToken); // and then the process died
        await service.Host.Restart();

        await using var answers = await service.Host.Listen<DataErased>();
        await Deliver(facts.ErasureDue(erasureId));

        Assert.Equal(1, (await answers.Get(answer => answer.ErasureId == erasureId)).Counts["incident"]);
    }

    [Fact]
    public async Task A_contract_without_incidents_is_answered_with_zero()
    {
        var erasureId = service.NewId();
        await using var answers = await service.Host.Listen<DataErased>();

        await Deliver(AnAttack(Acme, "DP00000151").ErasureDue(erasureId));

        Assert.Equal(0, (await answers.Get(answer => answer.ErasureId == erasureId)).Counts["incident"]);
    }

    [Fact]
    public async Task Classes_that_reporting_does_not_hold_leave_its_incidents_alone()
    {
        var facts = AnAttack(Acme, "DP00000161");
        await Deliver(facts.Detected);

        await Deliver(facts.ErasureDue(service.NewId()) with { DataClasses = ["customer"] });

        await service.Host.CatchUp();
        Assert.Equal(1, await Rows("views.incidents", facts.AnomalyId));
    }

    private Facts AnAttack(TenantId tenant, string serviceCode) =>
        new(tenant, serviceCode, service.NewId(), service.Clock.GetUtcNow().AddHours(-1));

    private async Task Deliver(params object[] facts)
    {
        foreach (var fact in facts)
        {
            await service.Host.Deliver(fact, service.NewId());
        }
    }

    private Task<long> Rows(string table, params Guid[] incidents) => service.Query<long>(
        $"select count(*) from {table} where incident_id in ({string.Join(", ", incidents.Select(id => $"'{id}'"))})");

    /// <summary>Every table of the database as text.</summary>
    private Task<string> Everything() => service.Query<string>("select database_to_xml(true, false, '')::text");

    /// <summary>
    /// The names of erased streams stay, so that nothing is appended to them again; they hold an id and nothing of the
    /// incident.
    /// </summary>
    private static string WithoutNamesOfErasedStreams(string everything) => System.Text.RegularExpressions.Regex.Replace(
        everything, "<(erased_streams|inbox)>.*?</\\1>", "", System.Text.RegularExpressions.RegexOptions.Singleline);
}
