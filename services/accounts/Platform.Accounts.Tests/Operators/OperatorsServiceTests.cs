using Grpc.Core;
using Platform.EventStore;
using Platform.Hosting;
using Platform.Testing;
using Published = Platform.Contracts.Accounts.V1;

namespace Platform.Accounts.Tests.Operators;

[Collection(nameof(AnAccountsService))]
public sealed class OperatorsServiceTests(AnAccountsService accounts)
{
    [Fact]
    [Trait("Requirement", "R161")]
    public async Task An_operator_is_registered_listed_and_deleted_and_is_then_nobody()
    {
        await using var registered = await accounts.Host.Listen<Published.OperatorRegistered>();
        await using var deleted = await accounts.Host.Listen<Published.OperatorDeleted>();
        var tenant = await accounts.ATenant();
        await accounts.AnOperator(tenant);
        var administrator = accounts.Host.As(tenant, Roles.Administrator);
        var (id, email) = await accounts.AnOperator(tenant, "viewer");
        Assert.Null(await accounts.SignIn(email, AnAccountsService.FirstPassword));
        Assert.Contains((await accounts.Operators.ListOperatorsAsync(new(), administrator)).Operators, person => person.Email == email);

        await accounts.Operators.DeleteOperatorAsync(new() { OperatorId = id }, administrator);
        await accounts.Operators.DeleteOperatorAsync(new() { OperatorId = id }, administrator); // again: nothing more to do

        Assert.Equal("sign-in-refused", await accounts.SignIn(email, AnAccountsService.FirstPassword));
        Assert.Equal("operator-not-found", (await Refusal.Of(
            accounts.Operators.GetOperatorAsync(new() { OperatorId = id }, accounts.AsGateway).ResponseAsync))?.Code);
        Assert.DoesNotContain((await accounts.Operators.ListOperatorsAsync(new(), administrator)).Operators, person => person.Email == email);
        Assert.Equal("viewer", (await registered.Get(fact => fact.OperatorId.ToString() == id)).Role);
        Assert.Equal(tenant.ToGuid(), (await deleted.Get(fact => fact.OperatorId.ToString() == id)).TenantId);
    }

    [Fact]
    public async Task The_gateway_learns_who_an_operator_is_now()
    {
        var tenant = await accounts.ATenant();
        var (id, email) = await accounts.AnOperator(tenant, "operator");

        var person = (await accounts.Operators.GetOperatorAsync(new() { OperatorId = id }, accounts.AsGateway)).Operator;

        Assert.Equal((tenant.Value, email, "operator"), (person.TenantId, person.Email, person.Role));
    }

    [Theory]
    [InlineData("no address", "Aoi", "viewer", 20, "email-invalid")]
    [InlineData("Aoi <a@b.example>", "Aoi", "viewer", 20, "email-invalid")]
    [InlineData("a@b.example", " ", "viewer", 20, "display-name-invalid")]
    [InlineData("a@b.example", "Aoi", "king", 20, "role-invalid")]
    [InlineData("a@b.example", "Aoi", "provider-operator", 20, "role-invalid")]
    [InlineData("a@b.example", "Aoi", "viewer", 11, "password-invalid")]
    [InlineData("a@b.example", "Aoi", "viewer", 201, "password-invalid")]
    public async Task What_does_not_fit_is_refused(string email, string name, string role, int passwordLength, string code)
    {
        var tenant = await accounts.ATenant();
        var request = new Platform.Contracts.Grpc.Accounts.V1.RegisterOperatorRequest
        {
            TenantId = tenant.Value, Email = email, DisplayName = name, Role = role, Password = new string('x', passwordLength),
        };
        Assert.Equal(code, (await Refusal.Of(accounts.Operators.RegisterOperatorAsync(request, accounts.AsProvider).ResponseAsync))?.Code);
    }

    [Fact]
    public async Task A_mail_address_belongs_to_one_operator_also_when_two_want_it_at_the_same_moment()
    {
        var tenants = await Task.WhenAll(Enumerable.Range(0, 4).Select(_ => accounts.ATenant()));
        var email = $"{Secrets.Name("same")}@customer.example";

        var refusals = await Task.WhenAll(tenants.Select(tenant => Refusal.Of(accounts.Operators.RegisterOperatorAsync(
            new() { TenantId = tenant.Value, Email = email.ToUpperInvariant(), DisplayName = "Aoi", Role = "viewer", Password = AnAccountsService.FirstPassword },
            accounts.AsProvider).ResponseAsync)));

        Assert.Single(refusals, refusal => refusal is null);
        Assert.Equal(3, refusals.Count(refusal => refusal?.Code == "email-in-use"));
        Assert.Equal(3, (await Task.WhenAll(tenants.Select(OperatorsOf))).Count(count => count == 0)); // who was refused left no event
    }

    [Fact]
    public async Task The_same_request_sent_again_finds_the_operator_that_it_made()
    {
        var tenant = await accounts.ATenant();
        var caller = accounts.AsProvider;
        caller.Add("x-idempotency-key", Secrets.Name("key"));
        var request = new Platform.Contracts.Grpc.Accounts.V1.RegisterOperatorRequest
        {
            TenantId = tenant.Value,
            Email = $"{Secrets.Name("person")}@customer.example",
            DisplayName = "Aoi",
            Role = "viewer",
            Password = AnAccountsService.FirstPassword,
        };

        var first = await accounts.Operators.RegisterOperatorAsync(request, caller);
        var second = await accounts.Operators.RegisterOperatorAsync(request, caller);

        Assert.Equal(first.OperatorId, second.OperatorId);
        Assert.Equal(1, await OperatorsOf(tenant));
    }

    [Fact]
    public async Task An_administrator_reaches_the_own_tenant_only()
    {
        var (mine, others) = (await accounts.ATenant(), await accounts.ATenant());
        var (victim, _) = await accounts.AnOperator(others);
        var administrator = accounts.Host.As(mine, Roles.Administrator);

        foreach (var (call, code) in ((Task, string)[])
        [
            (accounts.Operators.ListOperatorsAsync(new() { TenantId = others.Value }, administrator).ResponseAsync, "tenant-not-found"),
            (accounts.Operators.ListOperatorsAsync(new() { TenantId = "provider" }, administrator).ResponseAsync, "tenant-not-found"),
            (accounts.Operators.RegisterOperatorAsync(new() { TenantId = others.Value }, administrator).ResponseAsync, "tenant-not-found"),
            (accounts.Operators.RegisterOperatorAsync(new() { TenantId = "provider" }, administrator).ResponseAsync, "tenant-not-found"),
            (accounts.Operators.DeleteOperatorAsync(new() { TenantId = others.Value, OperatorId = victim }, administrator).ResponseAsync, "tenant-not-found"),
            (accounts.Operators.DeleteOperatorAsync(new() { OperatorId = victim }, administrator).ResponseAsync, "operator-not-found"),
        ])
        {
            var refusal = await Refusal.Of(call);
            Assert.Equal((StatusCode.NotFound, code), (refusal!.Status, refusal.Code));
        }
    }

    [Theory]
    [Trait("Requirement", "R22")]
    [InlineData(Roles.Operator)]
    [InlineData(Roles.Viewer)]
    public async Task Only_administrators_see_and_change_operators(string role)
    {
        var caller = accounts.Host.As(await accounts.ATenant(), role);
        foreach (var call in (Task[])
        [
            accounts.Operators.ListOperatorsAsync(new(), caller).ResponseAsync,
            accounts.Operators.RegisterOperatorAsync(new(), caller).ResponseAsync,
            accounts.Operators.DeleteOperatorAsync(new(), caller).ResponseAsync,
        ])
        {
            Assert.Equal(StatusCode.PermissionDenied, (await Refusal.Of(call))?.Status);
        }
    }

    private async Task<int> OperatorsOf(TenantId tenant) =>
        (await accounts.Host.Store.Tenant(tenant).Load(
            Platform.Accounts.Operators.OperatorsState.Stream, "all", TestContext.Current.CancellationToken)).State.Roles.Count;
}
