using Platform.Accounts.Tenants;
using Platform.Testing;
using Published = Platform.Contracts.Accounts.V1;

namespace Platform.Accounts.Tests.Tenants;

[Collection(nameof(AnAccountsService))]
public sealed class RegisterTenantTests(AnAccountsService accounts)
{
    private static readonly DateTimeOffset Noon = new(2030, 1, 1, 12, 0, 0, TimeSpan.Zero);

    [Fact]
    public void A_customer_is_taken_on() => Spec
        .For(TenantState.Stream)
        .When(state => TenantDecider.Decide(state, new RegisterTenant("Example Trading", Noon)))
        .Then(new TenantRegistered(Noon));

    [Fact]
    public void A_customer_who_is_there_is_not_taken_on_again() => Spec
        .For(TenantState.Stream)
        .Given(new TenantRegistered(Noon))
        .When(state => TenantDecider.Decide(state, new RegisterTenant("Example Trading", Noon.AddDays(1))))
        .ThenUnchanged();

    [Theory]
    [InlineData("")]
    [InlineData("  ")]
    [InlineData(null)]
    public void A_customer_has_a_name(string? name) => Spec
        .For(TenantState.Stream)
        .When(state => TenantDecider.Decide(state, new RegisterTenant(name ?? new string('x', 201), Noon)))
        .ThenRejected("tenant-name-invalid");

    [Fact]
    public async Task A_repeated_registration_with_the_same_id_makes_one_tenant_with_its_first_name()
    {
        await using var heard = await accounts.Host.Listen<Published.TenantRegistered>();
        var id = Guid.Parse("0190bbbb-0000-7000-8000-00000000aaaa").ToString();

        await accounts.Tenants.RegisterTenantAsync(new() { TenantId = id, Name = "株式会社サンプル" }, accounts.AsProvider);
        await accounts.Tenants.RegisterTenantAsync(new() { TenantId = id, Name = "Another name" }, accounts.AsProvider);

        await accounts.Host.CatchUp();
        var tenants = (await accounts.Tenants.ListTenantsAsync(new(), accounts.AsProvider)).Tenants;
        Assert.Equal("株式会社サンプル", Assert.Single(tenants, tenant => tenant.TenantId == id).Name);
        await heard.Get(fact => fact.TenantId.ToString() == id);
        Assert.Single(heard.Facts, fact => fact.TenantId.ToString() == id);
    }

    [Fact]
    public async Task An_id_that_is_no_uuid_is_refused()
    {
        var refusal = await Refusal.Of(
            accounts.Tenants.RegisterTenantAsync(new() { TenantId = "one", Name = "Example" }, accounts.AsProvider).ResponseAsync);
        Assert.Equal("tenant-id-invalid", refusal?.Code);
    }

    [Fact]
    public async Task Personal_data_never_enters_an_event()
    {
        var tenant = await accounts.ATenant("Secret Customer Name");
        var code = await accounts.AContract(tenant);
        await accounts.Contracts.LabelContractAsync(new() { ServiceCode = code, Label = "Secret label" }, accounts.AsProvider);
        var (_, email) = await accounts.AnOperator(tenant);

        await using var search = accounts.Database.DataSource.CreateCommand(
            "select count(*) from events.mt_events where data::text ~* 'secret|aoi' or headers::text ~* 'secret' or data::text like '%' || $1 || '%'");
        search.Parameters.Add(new() { Value = email });
        Assert.Equal(0L, await search.ExecuteScalarAsync(TestContext.Current.CancellationToken));
    }
}
