using Grpc.Core;
using Platform.EventStore;
using Platform.Hosting;
using Published = Platform.Contracts.Accounts.V1;

namespace Platform.Accounts.Tests.Contracts;

[Collection(nameof(AnAccountsService))]
public sealed class ContractsServiceTests(AnAccountsService accounts)
{
    [Fact]
    [Trait("Requirement", "R12")]
    public async Task Contracts_signed_at_the_same_moment_get_codes_of_their_own_and_a_code_leads_back_to_tenant_and_service()
    {
        var tenant = await accounts.ATenant();
        var other = await accounts.ATenant();

        var codes = await Task.WhenAll(Enumerable.Range(0, 20).Select(i => accounts.AContract(i % 2 == 0 ? tenant : other)));

        Assert.Equal(codes.Length, codes.Distinct().Count());
        Assert.All(codes, code => Assert.Matches("^DP[0-9]{8}$", code));
        await accounts.Host.CatchUp();
        var all = (await accounts.Contracts.ListContractsAsync(new(), accounts.AsProvider)).Contracts;
        foreach (var (code, index) in codes.Select((code, index) => (code, index)))
        {
            var contract = Assert.Single(all, contract => contract.ServiceCode == code);
            Assert.Equal((index % 2 == 0 ? tenant : other).Value, contract.TenantId);
            Assert.Equal("ddos", contract.Service);
        }
    }

    [Fact]
    [Trait("Requirement", "R12")]
    public async Task A_code_is_not_given_again_after_its_contract_ended()
    {
        var tenant = await accounts.ATenant();
        var prefix = accounts.FreshPrefix();
        var code = await accounts.AContract(tenant, prefix);
        await accounts.Contracts.TerminateContractAsync(new() { ServiceCode = code }, accounts.AsProvider);

        var next = await accounts.AContract(tenant, prefix); // the address space is free again, the code is not

        Assert.True(string.CompareOrdinal(next, code) > 0);
    }

    [Fact]
    public async Task The_same_contract_sent_again_keeps_its_code()
    {
        var request = accounts.AContractRequest(await accounts.ATenant());
        request.ContractId = Guid.CreateVersion7(accounts.Host.Clock.GetUtcNow()).ToString();

        var answers = await Task.WhenAll(Enumerable.Range(0, 4).Select(
            _ => accounts.Contracts.SignContractAsync(request, accounts.AsProvider).ResponseAsync));

        Assert.Single(answers.Select(answer => answer.ServiceCode).Distinct());
    }

    [Fact]
    public async Task A_contract_id_of_another_tenant_is_refused()
    {
        var request = accounts.AContractRequest(await accounts.ATenant());
        request.ContractId = Guid.CreateVersion7(accounts.Host.Clock.GetUtcNow()).ToString();
        await accounts.Contracts.SignContractAsync(request, accounts.AsProvider);

        request.TenantId = (await accounts.ATenant()).Value;

        Assert.Equal("contract-already-signed", (await Sign(request))?.Code);
        request.ContractId = "one";
        Assert.Equal("contract-id-invalid", (await Sign(request))?.Code);
    }

    [Fact]
    public async Task Of_overlapping_contracts_signed_at_the_same_moment_one_comes_into_force()
    {
        var tenants = await Task.WhenAll(Enumerable.Range(0, 8).Select(_ => accounts.ATenant()));
        string[] prefixes = ["100.127.0.0/16", "100.127.4.0/24", "100.127.0.0/17", "100.127.4.4/32"];

        var refusals = await Task.WhenAll(tenants.Select((tenant, i) =>
            Sign(accounts.AContractRequest(tenant, "100.127.4.4/30", accounts.FreshPrefix(), prefixes[i % prefixes.Length].Replace("127", "126")))));

        // All want 100.127.4.4/30, so exactly one wins; whoever lost holds nothing back.
        Assert.Single(refusals, refusal => refusal is null);
        Assert.All(refusals.Where(refusal => refusal is not null), refusal =>
        {
            Assert.Equal("prefix-taken", refusal!.Code);
            Assert.Equal(StatusCode.FailedPrecondition, refusal.Status);
        });
    }

    [Fact]
    public async Task A_refused_contract_holds_no_address_space()
    {
        var (tenant, taken, free) = (await accounts.ATenant(), accounts.FreshPrefix(), accounts.FreshPrefix());
        await accounts.AContract(tenant, taken);

        Assert.Equal("prefix-taken", (await Sign(accounts.AContractRequest(await accounts.ATenant(), free, taken)))?.Code);

        await accounts.AContract(await accounts.ATenant(), free);
    }

    [Fact]
    public async Task A_change_takes_new_space_and_gives_old_space_back()
    {
        var (one, other) = (await accounts.ATenant(), await accounts.ATenant());
        var code = await accounts.AContract(one, "100.110.0.0/24");

        // Wider over the same place: a contract is not in its own way.
        await accounts.Contracts.ChangeContractAsync(
            new() { ServiceCode = code, Prefixes = { "100.110.0.0/23" }, DeclaredBitsPerSecond = 5 }, accounts.AsProvider);
        Assert.Equal("prefix-taken", (await Sign(accounts.AContractRequest(other, "100.110.1.0/24")))?.Code);

        var changed = await accounts.Contracts.ChangeContractAsync(
            new() { ServiceCode = code, Prefixes = { "100.110.0.0/24" }, DeclaredBitsPerSecond = 5 }, accounts.AsProvider);
        Assert.Equal(3, changed.Version);
        var rival = await accounts.AContract(other, "100.110.1.0/24");

        var refusal = await Refusal.Of(accounts.Contracts.ChangeContractAsync(
            new() { ServiceCode = rival, Prefixes = { "100.110.0.0/16" }, DeclaredBitsPerSecond = 5 }, accounts.AsProvider).ResponseAsync);
        Assert.Equal("prefix-taken", refusal?.Code);
    }

    [Fact]
    public async Task Address_space_that_a_crash_left_claimed_is_free_again_after_a_while()
    {
        var tenant = await accounts.ATenant();
        await using (var crash = accounts.Database.DataSource.CreateCommand(
            """
            with lost as (
                insert into accounts.service_codes (contract_id, tenant_id, allocated_at) values (gen_random_uuid(), $1, $2) returning contract_id)
            insert into accounts.prefix_claims (contract_id, prefix, claimed_at) select contract_id, '100.111.0.0/24', $2 from lost
            """))
        {
            crash.Parameters.Add(new() { Value = tenant.ToGuid() });
            crash.Parameters.Add(new() { Value = accounts.Host.Clock.GetUtcNow() });
            await crash.ExecuteNonQueryAsync(TestContext.Current.CancellationToken);
        }

        Assert.Equal("prefix-taken", (await Sign(accounts.AContractRequest(tenant, "100.111.0.0/24")))?.Code); // its owner may still be at work

        accounts.Host.Clock.Advance(TimeSpan.FromMinutes(6));

        await accounts.AContract(tenant, "100.111.0.0/24");
    }

    [Fact]
    public async Task Facts_carry_the_whole_contract_with_rising_versions()
    {
        await using var signed = await accounts.Host.Listen<Published.ContractSigned>();
        await using var changed = await accounts.Host.Listen<Published.ContractChanged>();
        await using var terminated = await accounts.Host.Listen<Published.ContractTerminated>();
        var (tenant, prefix) = (await accounts.ATenant(), accounts.FreshPrefix());
        var code = await accounts.AContract(tenant, prefix);
        await accounts.Contracts.ChangeContractAsync(
            new() { ServiceCode = code, Prefixes = { prefix }, DeclaredBitsPerSecond = 7 }, accounts.AsProvider);
        await accounts.Contracts.TerminateContractAsync(new() { ServiceCode = code }, accounts.AsProvider);
        await accounts.Contracts.TerminateContractAsync(new() { ServiceCode = code }, accounts.AsProvider); // again: no second fact

        var first = await signed.Get(fact => fact.ServiceCode == code);
        Assert.Equal((tenant.ToGuid(), "ddos", 1_000_000_000, 1), (first.TenantId, first.Service, first.DeclaredBitsPerSecond, first.Version));
        Assert.Equal([prefix], first.Prefixes);
        var second = await changed.Get(fact => fact.ServiceCode == code);
        Assert.Equal((first.ContractId, 7, 2), (second.ContractId, second.DeclaredBitsPerSecond, second.Version));
        var last = await terminated.Get(fact => fact.ServiceCode == code);
        Assert.Equal((first.ContractId, 3, tenant.ToGuid()), (last.ContractId, last.Version, last.TenantId));
        await accounts.Host.CatchUp();
        Assert.Single(terminated.Facts, fact => fact.ServiceCode == code);
    }

    [Fact]
    [Trait("Requirement", "R6")]
    public async Task The_always_on_option_is_the_customers_to_order_with_his_own_contract_and_every_fact_says_it()
    {
        await using var changed = await accounts.Host.Listen<Published.ContractChanged>();
        var (tenant, other) = (await accounts.ATenant(), await accounts.ATenant());
        var code = await accounts.AContract(tenant);
        var order = new Platform.Contracts.Grpc.Accounts.V1.SetAlwaysOnRequest { ServiceCode = code, Ordered = true };
        Assert.Equal("contract-not-found", (await Refusal.Of(accounts.Contracts.SetAlwaysOnAsync(
            order, accounts.Host.As(other, Roles.Administrator)).ResponseAsync))?.Code);
        Assert.NotNull(await Refusal.Of(accounts.Contracts.SetAlwaysOnAsync(order, accounts.Host.As(tenant, Roles.Operator)).ResponseAsync));

        var administrator = accounts.Host.As(tenant, Roles.Administrator);
        Assert.Equal(2, (await accounts.Contracts.SetAlwaysOnAsync(order, administrator)).Version);
        Assert.Equal(2, (await accounts.Contracts.SetAlwaysOnAsync(order, administrator)).Version); // again: nothing new
        await accounts.Host.CatchUp();
        Assert.True((await accounts.Contracts.ListContractsAsync(new(), administrator)).Contracts.Single().AlwaysOn);
        await accounts.Contracts.ChangeContractAsync(
            new() { ServiceCode = code, Prefixes = { accounts.FreshPrefix() }, DeclaredBitsPerSecond = 7 }, accounts.AsProvider);

        Assert.True((await changed.Get(fact => fact.ServiceCode == code && fact.Version == 2)).AlwaysOn);
        Assert.True((await changed.Get(fact => fact.ServiceCode == code && fact.Version == 3)).AlwaysOn); // a change of something else keeps it
    }

    [Fact]
    [Trait("Requirement", "R13")]
    public async Task A_label_is_set_changed_and_cleared_by_its_own_tenant_and_seen_by_no_other()
    {
        var (mine, others) = (await accounts.ATenant(), await accounts.ATenant());
        var code = await accounts.AContract(mine);
        var (me, stranger) = (accounts.Host.As(mine, Roles.Operator), accounts.Host.As(others, Roles.Administrator));

        await accounts.Contracts.LabelContractAsync(new() { ServiceCode = code, Label = "東京データセンター" }, me);
        Assert.Equal("東京データセンター", await Label(code, me));
        await accounts.Contracts.LabelContractAsync(new() { ServiceCode = code, Label = "Osaka" }, me);
        Assert.Equal("Osaka", await Label(code, me));

        var refusal = await Refusal.Of(
            accounts.Contracts.LabelContractAsync(new() { ServiceCode = code, Label = "mine now" }, stranger).ResponseAsync);
        Assert.Equal((StatusCode.NotFound, "contract-not-found"), (refusal!.Status, refusal.Code));
        Assert.Empty((await accounts.Contracts.ListContractsAsync(new(), stranger)).Contracts);
        Assert.Equal("tenant-not-found", (await Refusal.Of(
            accounts.Contracts.ListContractsAsync(new() { TenantId = mine.Value }, stranger).ResponseAsync))?.Code);

        await accounts.Contracts.LabelContractAsync(new() { ServiceCode = code, Label = "" }, me);
        Assert.Equal("", await Label(code, me));
    }

    [Theory]
    [InlineData(101, 'x')]
    [InlineData(1, '\n')]
    public async Task A_label_is_a_short_line_of_text(int length, char character)
    {
        var code = await accounts.AContract(await accounts.ATenant());
        var refusal = await Refusal.Of(accounts.Contracts.LabelContractAsync(
            new() { ServiceCode = code, Label = new string(character, length) }, accounts.AsProvider).ResponseAsync);
        Assert.Equal("label-invalid", refusal?.Code);
    }

    [Fact]
    public async Task A_contract_needs_a_tenant_that_was_taken_on()
    {
        var nobody = TenantId.Of(Guid.Parse("0190bbbb-0000-7000-8000-00000000dead"));
        Assert.Equal("tenant-not-found", (await Sign(accounts.AContractRequest(nobody)))?.Code);
        Assert.Equal("tenant-not-found", (await Sign(accounts.AContractRequest(TenantId.Provider)))?.Code);
    }

    [Fact]
    public async Task A_code_that_was_never_given_is_unknown()
    {
        var refusal = await Refusal.Of(
            accounts.Contracts.TerminateContractAsync(new() { ServiceCode = "DP99999999" }, accounts.AsProvider).ResponseAsync);
        Assert.Equal((StatusCode.NotFound, "contract-not-found"), (refusal!.Status, refusal.Code));
    }

    [Theory]
    [Trait("Requirement", "R22")]
    [InlineData(Roles.Administrator)]
    [InlineData(Roles.Operator)]
    [InlineData(Roles.Viewer)]
    [InlineData(Roles.ProviderAuditor)]
    public async Task Only_the_providers_operators_sign_change_and_end_contracts(string role)
    {
        var tenant = await accounts.ATenant();
        var code = await accounts.AContract(tenant);
        var caller = accounts.Host.As(role == Roles.ProviderAuditor ? TenantId.Provider : tenant, role);

        foreach (var call in (Task[])
        [
            accounts.Contracts.SignContractAsync(accounts.AContractRequest(tenant), caller).ResponseAsync,
            accounts.Contracts.ChangeContractAsync(new() { ServiceCode = code }, caller).ResponseAsync,
            accounts.Contracts.TerminateContractAsync(new() { ServiceCode = code }, caller).ResponseAsync,
        ])
        {
            Assert.Equal(StatusCode.PermissionDenied, (await Refusal.Of(call))?.Status);
        }
    }

    private Task<Refusal?> Sign(Platform.Contracts.Grpc.Accounts.V1.SignContractRequest request) =>
        Refusal.Of(accounts.Contracts.SignContractAsync(request, accounts.AsProvider).ResponseAsync);

    private async Task<string> Label(string code, Metadata caller)
    {
        await accounts.Host.CatchUp();
        return (await accounts.Contracts.ListContractsAsync(new(), caller)).Contracts.Single(contract => contract.ServiceCode == code).Label;
    }
}
