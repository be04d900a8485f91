using Dapper;
using Npgsql;
using Platform.EventStore;

namespace Platform.Accounts.Contracts;

/// <summary>Keeps the prefixes of different contracts apart, also when two are signed at the same moment.</summary>
/// <remarks>
/// Claims are taken (and committed) before the event is appended and given back after it. A crash in between leaves a claim without a
/// prefix in force, never the other way round; such a claim is given up as soon as somebody else wants the space.
/// </remarks>
internal sealed class PrefixClaims(NpgsqlDataSource database, StreamStore store, TimeProvider clock)
{
    // Longer than any request may take: until then the claimant may still be about to append.
    private static readonly TimeSpan Grace = TimeSpan.FromMinutes(5);

    private sealed record Claim(Guid ContractId, Guid TenantId, string Prefix, DateTime ClaimedAt);

    /// <summary>
    /// Does one thing to a contract's claims and stream at a time: without it, two changes of one contract could give back each other's claims.
    /// </summary>
    public async Task<IAsyncDisposable> TurnOf(Guid contractId, CancellationToken cancellationToken)
    {
        var connection = await database.OpenConnectionAsync(cancellationToken);
        try
        {
            await connection.ExecuteAsync(new CommandDefinition(
                "select pg_advisory_lock(hashtextextended(@key, 0))", new { key = $"contract:{contractId}" }, cancellationToken: cancellationToken));
            return new Turn(connection);
        }
        catch
        {
            await connection.DisposeAsync();
            throw;
        }
    }

    /// <summary>Takes all these prefixes for the contract, beside those it has; or none, and says which one is not free.</summary>
    public async Task<Rejection?> Take(Guid contractId, IReadOnlyList<string> prefixes, CancellationToken cancellationToken)
    {
        if (await TryTake(contractId, prefixes, cancellationToken))
        {
            return null;
        }

        var inTheWay = await InTheWay(contractId, prefixes, cancellationToken);
        foreach (var claim in inTheWay)
        {
            if (!await GiveUp(claim, cancellationToken))
            {
                return ContractRejections.PrefixTaken(prefixes.First(prefix => Overlap(prefix, claim.Prefix)));
            }
        }

        return await TryTake(contractId, prefixes, cancellationToken) ? null : ContractRejections.PrefixTaken(prefixes[0]);
    }

    /// <summary>Gives back every claim of the contract but these.</summary>
    public async Task KeepOnly(Guid contractId, IReadOnlyList<string> prefixes, CancellationToken cancellationToken)
    {
        await using var connection = await database.OpenConnectionAsync(cancellationToken);
        await connection.ExecuteAsync(new CommandDefinition(
            "delete from accounts.prefix_claims where contract_id = @contractId and prefix <> all (@prefixes::cidr[])",
            new { contractId, prefixes = prefixes.ToArray() },
            cancellationToken: cancellationToken));
    }

    private async Task<bool> TryTake(Guid contractId, IReadOnlyList<string> prefixes, CancellationToken cancellationToken)
    {
        await using var connection = await database.OpenConnectionAsync(cancellationToken);
        try
        {
            // One statement, so all or none; in address order, so that two claimants wait for each other in one direction only.
            await connection.ExecuteAsync(new CommandDefinition(
                """
                insert into accounts.prefix_claims (contract_id, prefix, claimed_at)
                select @contractId, prefix, @now from unnest(@prefixes::cidr[]) as prefix order by prefix
                on conflict (contract_id, prefix) do update set claimed_at = excluded.claimed_at
                """,
                new { contractId, prefixes = prefixes.ToArray(), now = clock.GetUtcNow() },
                cancellationToken: cancellationToken));
            return true;
        }
        catch (PostgresException refused) when (refused.SqlState is PostgresErrorCodes.ExclusionViolation)
        {
            return false;
        }
    }

    private async Task<IEnumerable<Claim>> InTheWay(Guid contractId, IReadOnlyList<string> prefixes, CancellationToken cancellationToken)
    {
        await using var connection = await database.OpenConnectionAsync(cancellationToken);
        return await connection.QueryAsync<Claim>(new CommandDefinition(
            """
            select c.contract_id as ContractId, s.tenant_id as TenantId, c.prefix::text as Prefix, c.claimed_at as ClaimedAt
            from accounts.prefix_claims c join accounts.service_codes s using (contract_id)
            where c.contract_id <> @contractId and c.prefix && any (@prefixes::cidr[])
            """,
            new { contractId, prefixes = prefixes.ToArray() },
            cancellationToken: cancellationToken));
    }

    private async Task<bool> GiveUp(Claim claim, CancellationToken cancellationToken)
    {
        var (state, _) = await store.Tenant(TenantId.Of(claim.TenantId)).Load(
            ContractState.Stream, claim.ContractId.ToString(), cancellationToken);
        if (state.PrefixesInForce.Contains(claim.Prefix) || claim.ClaimedAt > clock.GetUtcNow() - Grace)
        {
            return false;
        }

        await using var connection = await database.OpenConnectionAsync(cancellationToken);
        return await connection.ExecuteAsync(new CommandDefinition(
            """
            delete from accounts.prefix_claims
            where contract_id = @ContractId and prefix = @Prefix::cidr and claimed_at = @ClaimedAt
            """,
            claim,
            cancellationToken: cancellationToken)) == 1;
    }

    private static bool Overlap(string one, string other)
    {
        var (left, right) = (System.Net.IPNetwork.Parse(one), System.Net.IPNetwork.Parse(other));
        return left.Contains(right.BaseAddress) || right.Contains(left.BaseAddress);
    }

    private sealed class Turn(NpgsqlConnection connection) : IAsyncDisposable
    {
        public async ValueTask DisposeAsync()
        {
            await using var held = connection;
            await held.ExecuteAsync("select pg_advisory_unlock_all()");
        }
    }
}
