using Dapper;
using Platform.Contracts.Retention.V1;
using Platform.EventStore;

namespace Platform.Accounts.Tests.Erasures;

/// <summary>What is due: with a contract goes its label, with the last one the people.</summary>
[Trait("Requirement", "R36")]
[Collection(nameof(AnAccountsService))]
public sealed class WhenErasureDueTests(AnAccountsService accounts)
{
    [Fact]
    public async Task A_contract_takes_its_label_along_and_the_last_one_takes_the_people_and_the_name()
    {
        await using var answers = await accounts.Host.Listen<DataErased>();
        var tenant = await accounts.ATenant("Leaving");
        var (one, two) = (await ALabelledContract(tenant), await ALabelledContract(tenant));
        var (_, email) = await accounts.AnOperator(tenant);
        await accounts.SignIn(email, AnAccountsService.FirstPassword);
        var neighbour = await accounts.ATenant("Staying");
        var stays = await ALabelledContract(neighbour);
        var (_, neighbourEmail) = await accounts.AnOperator(neighbour);
        await accounts.Host.CatchUp();

        await accounts.Host.Deliver(Due(tenant, one), NewId());
        var first = await answers.Get(fact => fact.ServiceCode == one);
        Assert.Equal(new Dictionary<string, long> { ["label"] = 1 }, first.Counts);
        Assert.Null(await accounts.SignIn(email, AnAccountsService.FirstPassword)); // another contract is left

        await accounts.Host.Deliver(Due(tenant, two), NewId());
        var second = await answers.Get(fact => fact.ServiceCode == two);
        Assert.Equal(
            new Dictionary<string, long> { ["label"] = 1, ["operator"] = 1, ["sign-in"] = 2, ["tenant-name"] = 1 }, second.Counts);
        Assert.Equal(("accounts", tenant.ToGuid()), (second.Owner, second.TenantId));
        Assert.Equal("sign-in-refused", await accounts.SignIn(email, AnAccountsService.FirstPassword));
        Assert.Equal(0, await RowsOf(tenant));

        // The neighbour has everything.
        Assert.Equal("label", (await accounts.Contracts.ListContractsAsync(new(), accounts.AsProvider))
            .Contracts.Single(contract => contract.ServiceCode == stays).Label);
        Assert.Null(await accounts.SignIn(neighbourEmail, AnAccountsService.FirstPassword));
    }

    [Fact]
    public async Task Asked_twice_the_answer_counts_the_same()
    {
        await using var answers = await accounts.Host.Listen<DataErased>();
        var tenant = await accounts.ATenant();
        var code = await ALabelledContract(tenant);
        await accounts.Host.CatchUp();
        var due = Due(tenant, code);
        var message = NewId();

        await accounts.Host.Deliver(due, message);
        await accounts.Host.Deliver(due, message); // the same message again: the same cause
        await accounts.Host.Deliver(due with { RequestedAt = due.RequestedAt.AddHours(1) }, NewId()); // retention asks again

        await accounts.Host.CatchUp();
        await answers.Get(_ => answers.Facts.Count(fact => fact.ErasureId == due.ErasureId) == 2);
        Assert.All(answers.Facts.Where(fact => fact.ErasureId == due.ErasureId), fact => Assert.Equal(1, fact.Counts["label"]));
    }

    [Fact]
    public async Task Wrong_order_an_erasure_of_a_contract_never_heard_of_is_answered_with_nothing()
    {
        await using var answers = await accounts.Host.Listen<DataErased>();
        var tenant = await accounts.ATenant();
        await ALabelledContract(tenant); // keeps the tenant
        await accounts.Host.CatchUp();

        await accounts.Host.Deliver(Due(tenant, "DP98765432"), NewId());

        Assert.Equal(0, (await answers.Get(fact => fact.ServiceCode == "DP98765432")).Counts["label"]);
    }

    [Fact]
    public async Task An_erasure_that_is_not_about_customer_data_leaves_it()
    {
        await using var answers = await accounts.Host.Listen<DataErased>();
        var tenant = await accounts.ATenant();
        var code = await ALabelledContract(tenant);
        await accounts.Host.CatchUp();

        await accounts.Host.Deliver(Due(tenant, code) with { DataClasses = ["incident"] }, NewId());

        Assert.Empty((await answers.Get(fact => fact.ServiceCode == code)).Counts);
        Assert.Equal(2, await RowsOf(tenant)); // label and name
    }

    private async Task<string> ALabelledContract(TenantId tenant)
    {
        var code = await accounts.AContract(tenant);
        await accounts.Contracts.LabelContractAsync(new() { ServiceCode = code, Label = "label" }, accounts.AsProvider);
        return code;
    }

    private Guid NewId() => Guid.CreateVersion7(accounts.Host.Clock.GetUtcNow());

    private ErasureDue Due(TenantId tenant, string code) => new()
    {
        TenantId = tenant.ToGuid(),
        ContractId = NewId(),
        ServiceCode = code,
        ErasureId = NewId(),
        DataClasses = ["incident", "customer"],
        DueAt = accounts.Host.Clock.GetUtcNow(),
        RequestedAt = accounts.Host.Clock.GetUtcNow(),
    };

    private async Task<long> RowsOf(TenantId tenant)
    {
        await using var connection = await accounts.Database.DataSource.OpenConnectionAsync(TestContext.Current.CancellationToken);
        return await connection.QuerySingleAsync<long>(
            """
            select (select count(*) from customer.labels where tenant_id = @id) + (select count(*) from customer.tenants where tenant_id = @id)
                + (select count(*) from customer.operators where tenant_id = @text) + (select count(*) from customer.sign_ins where tenant_id = @text)
            """,
            new { id = tenant.ToGuid(), text = tenant.Value });
    }
}
