using Dapper;
using Grpc.Core;
using Platform.Contracts.Grpc.Accounts.V1;
using Platform.EventStore;
using Platform.Testing;

namespace Platform.Accounts.Tests.Operators;

[Collection(nameof(AnAccountsService))]
public sealed class SignInTests(AnAccountsService accounts)
{
    private const string Right = AnAccountsService.FirstPassword;
    private const string Wrong = "wrong horse battery staple";

    [Fact]
    public async Task The_first_operator_of_an_installation_signs_in()
    {
        var answer = await accounts.Operators.SignInAsync(
            new() { Email = "FIRST@provider.example", Password = Right, SourceAddress = "192.0.2.7" }, accounts.AsGateway);

        Assert.Equal(("provider", "provider-operator"), (answer.Operator.TenantId, answer.Operator.Role));
    }

    [Fact]
    public async Task A_restart_does_not_register_the_first_operator_again()
    {
        var before = await accounts.Host.Store.Tenant(TenantId.Provider).Load(
            Platform.Accounts.Operators.OperatorsState.Stream, "all", TestContext.Current.CancellationToken);
        Assert.Single(before.State.Roles);
    }

    [Fact]
    [Trait("Requirement", "R164")]
    public async Task An_unknown_login_and_a_wrong_password_get_the_same_answer()
    {
        var (_, email) = await accounts.AnOperator(await accounts.ATenant());

        var wrong = await Refusal.Of(Try(email, Wrong));
        var unknown = await Refusal.Of(Try("nobody@customer.example", Wrong));

        Assert.Equal(wrong, unknown);
        Assert.Equal((StatusCode.Unauthenticated, "sign-in-refused"), (wrong!.Status, wrong.Code));
    }

    [Fact]
    [Trait("Requirement", "R164")]
    public async Task An_unknown_login_costs_one_password_hash_as_a_wrong_password_does()
    {
        // Work, not time: both end in one row of the access log, and the unknown login's row names nobody.
        var (id, email) = await accounts.AnOperator(await accounts.ATenant());
        await using var connection = await accounts.Database.DataSource.OpenConnectionAsync(TestContext.Current.CancellationToken);
        var before = await connection.QuerySingleAsync<long>("select count(*) from customer.sign_ins where result = 'UnknownLogin'");

        await Refusal.Of(Try(email, Wrong));
        await Refusal.Of(Try($"{Secrets.Name("nobody")}@customer.example", Wrong));

        Assert.Equal(1, await connection.QuerySingleAsync<long>(
            "select count(*) from customer.sign_ins where operator_id = @id and result = 'WrongPassword'", new { id = Guid.Parse(id) }));
        Assert.True(await connection.QuerySingleAsync<long>(
            "select count(*) from customer.sign_ins where result = 'UnknownLogin' and operator_id is null") > before);
    }

    [Fact]
    [Trait("Requirement", "R21")]
    public async Task One_failure_less_than_the_limit_leaves_the_account_open()
    {
        var (_, email) = await accounts.AnOperator(await accounts.ATenant());
        await Fail(email, 2);
        Assert.Null(await accounts.SignIn(email, Right));

        await Fail(email, 2); // a success forgets what failed before
        Assert.Null(await accounts.SignIn(email, Right));
    }

    [Fact]
    [Trait("Requirement", "R21")]
    public async Task The_last_allowed_failure_locks_and_the_right_password_is_refused_until_time_has_passed()
    {
        var tenant = await accounts.ATenant();
        var (id, email) = await accounts.AnOperator(tenant);
        await Fail(email, 3);

        Assert.Equal("sign-in-refused", await accounts.SignIn(email, Right));
        var events = await accounts.Host.Store.Tenant(tenant).Read(
            Platform.Accounts.Operators.OperatorsState.Stream, "all", TestContext.Current.CancellationToken);
        var locked = Assert.IsType<Platform.Accounts.Operators.OperatorLocked>(events[^1].Data);
        Assert.Equal(id, locked.OperatorId.ToString());

        accounts.Host.Clock.Advance(TimeSpan.FromMinutes(16));
        Assert.Null(await accounts.SignIn(email, Right));
    }

    [Fact]
    [Trait("Requirement", "R21")]
    public async Task Tries_at_the_same_moment_cannot_exceed_the_limit()
    {
        var tenant = await accounts.ATenant();
        var (id, email) = await accounts.AnOperator(tenant);

        await Task.WhenAll(Enumerable.Range(0, 12).Select(_ => accounts.SignIn(email, Wrong)));

        await using var connection = await accounts.Database.DataSource.OpenConnectionAsync(TestContext.Current.CancellationToken);
        var results = (await connection.QueryAsync<(string Result, long Count)>(
            "select result, count(*) from customer.sign_ins where operator_id = @id group by result", new { id = Guid.Parse(id) }))
            .ToDictionary(row => row.Result, row => row.Count);
        Assert.Equal(2, results["WrongPassword"]);
        Assert.Equal(1, results["NowLocked"]);
        Assert.Equal(9, results["Locked"]);
        Assert.Equal("sign-in-refused", await accounts.SignIn(email, Right));
    }

    [Fact]
    public async Task Only_the_gateway_asks_for_sign_in()
    {
        var refusal = await Refusal.Of(accounts.Operators.SignInAsync(
            new() { Email = AnAccountsService.FirstEmail, Password = Right }, accounts.AsProvider).ResponseAsync);
        Assert.Equal(StatusCode.PermissionDenied, refusal?.Status);
    }

    private async Task Fail(string email, int times)
    {
        for (var i = 0; i < times; i++)
        {
            Assert.Equal("sign-in-refused", await accounts.SignIn(email, Wrong));
        }
    }

    private Task<SignInResponse> Try(string email, string password) => accounts.Operators.SignInAsync(
        new() { Email = email, Password = password, SourceAddress = "192.0.2.7" }, accounts.AsGateway).ResponseAsync;
}
