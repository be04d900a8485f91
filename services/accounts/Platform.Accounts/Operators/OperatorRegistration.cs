using System.Net.Mail;
using Microsoft.AspNetCore.Identity;
using Microsoft.EntityFrameworkCore;
using Npgsql;
using Platform.EventStore;

namespace Platform.Accounts.Operators;

/// <summary>Who is to be registered, as typed.</summary>
internal sealed record NewOperator(string Email, string DisplayName, string Role, string Password);

/// <summary>Registers operators: the event says who may act, the account holds the credentials.</summary>
internal sealed class OperatorRegistration(
    StreamStore store, OperatorAccounts accounts, UserManager<OperatorAccount> identity, TimeProvider clock)
{
    /// <summary>The id of the new operator, or why there is none. A repeated cause finds the operator that it made, and mends a half-done one.</summary>
    public async Task<(Guid OperatorId, Rejection? Reason)> Register(
        TenantId tenant, NewOperator person, Cause cause, CancellationToken cancellationToken)
    {
        if (Check(person) is { } invalid)
        {
            return (Guid.Empty, invalid);
        }

        var session = store.Tenant(tenant);
        var recorded = (await session.Read(OperatorsState.Stream, OperatorsState.Key, cancellationToken))
            .FirstOrDefault(e => e.Metadata.CausationId == cause.Id)?.Data as OperatorRegistered;
        var id = recorded?.OperatorId ?? Guid.CreateVersion7(clock.GetUtcNow());
        if (recorded is not null && await accounts.Operators.AnyAsync(account => account.Id == id, cancellationToken))
        {
            return (id, null);
        }

        // The account is written but not committed while the event is appended: the unique address makes a rival wait, and
        // a refused event leaves no account.
        await using var transaction = await accounts.Database.BeginTransactionAsync(cancellationToken);
        if (await CreateAccount(id, tenant, person, cancellationToken) is { } taken)
        {
            return (Guid.Empty, taken);
        }

        var command = new RegisterOperator(id, tenant == TenantId.Provider, person.Role, clock.GetUtcNow());
        var decision = await session.Handle(
            OperatorsState.Stream, OperatorsState.Key, state => OperatorsDecider.Decide(state, command), cause, cancellationToken);
        if (decision is Decision<OperatorEvent>.Rejected(var reason))
        {
            return (Guid.Empty, reason);
        }

        await transaction.CommitAsync(cancellationToken);
        return (id, null);
    }

    private async Task<Rejection?> CreateAccount(Guid id, TenantId tenant, NewOperator person, CancellationToken cancellationToken)
    {
        var account = new OperatorAccount
        {
            Id = id,
            TenantId = tenant.Value,
            Email = person.Email,
            NormalizedEmail = identity.NormalizeEmail(person.Email),
            DisplayName = person.DisplayName,
            SecurityStamp = Guid.CreateVersion7(clock.GetUtcNow()).ToString("N"),
        };
        account.PasswordHash = identity.PasswordHasher.HashPassword(account, person.Password);
        accounts.Operators.Add(account);
        try
        {
            await accounts.SaveChangesAsync(cancellationToken);
            return null;
        }
        catch (DbUpdateException duplicate) when (duplicate.InnerException is PostgresException { SqlState: PostgresErrorCodes.UniqueViolation })
        {
            return OperatorRejections.EmailInUse();
        }
    }

    private static Rejection? Check(NewOperator person)
    {
        if (person.Email.Length > 254 || !MailAddress.TryCreate(person.Email, out var address) || address.Address != person.Email)
        {
            return OperatorRejections.EmailInvalid();
        }

        if (string.IsNullOrWhiteSpace(person.DisplayName) || person.DisplayName.Length > 100)
        {
            return OperatorRejections.DisplayNameInvalid();
        }

        return person.Password.Length is < OperatorAccounts.ShortestPassword or > OperatorAccounts.LongestPassword
            ? OperatorRejections.PasswordInvalid(OperatorAccounts.ShortestPassword, OperatorAccounts.LongestPassword)
            : null;
    }
}
