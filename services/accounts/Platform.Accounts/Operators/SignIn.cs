using Dapper;
using Microsoft.AspNetCore.Identity;
using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Storage;
using Microsoft.Extensions.Options;
using Platform.EventStore;

namespace Platform.Accounts.Operators;

/// <summary>Checks a login and its password, counts what fails, and locks (R21).</summary>
/// <remarks>
/// Whoever fails learns nothing from it: unknown login, wrong password, locked and deleted get the same answer for the same work, one
/// password hash and one row in the access log.
/// </remarks>
internal sealed class SignIn(
    StreamStore store,
    OperatorAccounts accounts,
    UserManager<OperatorAccount> identity,
    IOptions<LockOptions> lockout,
    TimeProvider clock,
    ILogger<SignIn> log)
{
    private static readonly OperatorAccount Nobody = new() { TenantId = "", DisplayName = "" };
    private static readonly Lazy<string> NobodysHash = new(() => new PasswordHasher<OperatorAccount>().HashPassword(Nobody, "nobody's password"));

    /// <summary>The account and its role, or null.</summary>
    public async Task<(OperatorAccount Account, string Role)?> Try(
        string email, string password, string sourceAddress, Cause cause, CancellationToken cancellationToken)
    {
        var now = clock.GetUtcNow();
        await using var transaction = await accounts.Database.BeginTransactionAsync(cancellationToken);
        var account = await Lock(email, cancellationToken);
        var result = account is null
            ? UnknownLogin(password)
            : await Check(account, password, now);
        var role = account is null ? null : await RoleOf(account, cancellationToken);
        if (result is Result.SignedIn && role is null)
        {
            result = Result.Deleted;
        }

        await Record(account, sourceAddress, result, now, transaction, cancellationToken);
        await transaction.CommitAsync(cancellationToken);
        if (result is Result.NowLocked)
        {
            await AppendLocked(account!, now, cause, cancellationToken);
        }

        log.SignIn(account?.Id, result, sourceAddress);
        Telemetry.SignIns.Add(1, new KeyValuePair<string, object?>("result", result.ToString()));
        return result is Result.SignedIn ? (account!, role!) : null;
    }

    /// <summary>What the operator may do now; null when deleted.</summary>
    public async Task<string?> RoleOf(OperatorAccount account, CancellationToken cancellationToken)
    {
        var (state, _) = await store.Tenant(TenantId.Parse(account.TenantId)).Load(
            OperatorsState.Stream, OperatorsState.Key, cancellationToken);
        return state.Roles.GetValueOrDefault(account.Id);
    }

    /// <summary>The row stays locked until the end, so tries at the same moment are counted one after the other.</summary>
    private async Task<OperatorAccount?> Lock(string email, CancellationToken cancellationToken)
    {
        var normalized = identity.NormalizeEmail(email);
        var found = await accounts.Operators
            .FromSql($"select * from customer.operators where normalized_email = {normalized} for update")
            .ToListAsync(cancellationToken);
        return found.SingleOrDefault();
    }

    private Result UnknownLogin(string password)
    {
        identity.PasswordHasher.VerifyHashedPassword(Nobody, NobodysHash.Value, password); // only to take as long
        return Result.UnknownLogin;
    }

    private async Task<Result> Check(OperatorAccount account, string password, DateTimeOffset now)
    {
        var right = await identity.CheckPasswordAsync(account, password);
        if (account.LockoutEnd > now)
        {
            return Result.Locked; // the right password, too, is refused
        }

        account.AccessFailedCount = right ? 0 : account.AccessFailedCount + 1;
        if (account.AccessFailedCount < lockout.Value.MaxFailures)
        {
            return right ? Result.SignedIn : Result.WrongPassword;
        }

        account.AccessFailedCount = 0;
        account.LockoutEnd = now + lockout.Value.Duration;
        return Result.NowLocked;
    }

    private async Task Record(
        OperatorAccount? account, string sourceAddress, Result result, DateTimeOffset now, IDbContextTransaction transaction, CancellationToken cancellationToken)
    {
        await accounts.SaveChangesAsync(cancellationToken);
        await accounts.Database.GetDbConnection().ExecuteAsync(new CommandDefinition(
            """
            insert into customer.sign_ins (at, operator_id, tenant_id, source_address, result)
            values (@now, @id, @tenant, @sourceAddress, @result)
            """,
            new { now, id = account?.Id, tenant = account?.TenantId, sourceAddress, result = result.ToString() },
            transaction.GetDbTransaction(),
            cancellationToken: cancellationToken));
    }

    private async Task AppendLocked(OperatorAccount account, DateTimeOffset now, Cause cause, CancellationToken cancellationToken)
    {
        var command = new LockOperator(account.Id, now, account.LockoutEnd!.Value);
        await store.Tenant(TenantId.Parse(account.TenantId)).Handle(
            OperatorsState.Stream, OperatorsState.Key, state => OperatorsDecider.Decide(state, command), cause, cancellationToken);
    }

    internal enum Result
    {
        SignedIn,
        UnknownLogin,
        WrongPassword,
        Locked,
        NowLocked,
        Deleted,
    }
}
