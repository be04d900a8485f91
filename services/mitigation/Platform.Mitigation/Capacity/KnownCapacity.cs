using Dapper;
using Microsoft.Extensions.Options;
using Npgsql;
using Platform.Mitigation.KnownContracts;
using Platform.Mitigation.Mitigations;
using Platform.Mitigation.Scrubbers;

namespace Platform.Mitigation.Capacity;

/// <summary>What contracts need of the scrubbers now, and room that is kept for one that is about to come.</summary>
internal sealed class KnownCapacity(
    NpgsqlDataSource database, KnownScrubbers scrubbers, IOptions<ScrubberOptions> options, TimeProvider clock)
{
    private volatile IReadOnlyDictionary<string, PlaceInPools>? _placed;

    private const long AskersLock = 0x6D69_7469_0000_0004; // "miti" 4
    private static readonly TimeSpan HeldFor = TimeSpan.FromMinutes(1);

    /// <summary>So long a request that comes again, by its idempotency key, is known to be the same.</summary>
    private static readonly TimeSpan RepeatedWithin = TimeSpan.FromDays(1);

    /// <summary>Pools with what is used of them, and what fits into none.</summary>
    public async Task<(IReadOnlyList<PoolUse> Pools, long Unplaced)> Read(CancellationToken cancellation)
    {
        var there = await scrubbers.Call(cancellation);
        await using var connection = await database.OpenConnectionAsync(cancellation);
        var needs = await Needs(connection, except: "", cancellation);
        var (pools, unplaced, placed) = Allocation.Place(options.Value.Pools, needs, there.IsAway);
        // What all pools together have room for waits for scrubbers, not for capacity.
        var (_, _, placedIfAll) = Allocation.Place(options.Value.Pools, needs);
        _placed = needs.DistinctBy(need => need.Key).ToDictionary(
            need => need.Key, need => new PlaceInPools(placed.GetValueOrDefault(need.Key), placed.ContainsKey(need.Key), IsAway: !placed.ContainsKey(need.Key) && placedIfAll.ContainsKey(need.Key)));
        return (pools, unplaced);
    }

    /// <summary>Where the traffic of a contract goes.</summary>
    public async ValueTask<PlaceInPools> PlaceOf(string serviceCode, CancellationToken cancellation)
    {
        if (options.Value.Pools.Length == 0)
        {
            return new PlaceInPools(Pool: null, HasRoom: true, IsAway: false);
        }

        if (_placed?.GetValueOrDefault(serviceCode) is not { HasRoom: true })
        {
            await Read(cancellation); // just started, a contract of this very second, or room that was given back
        }

        return _placed!.GetValueOrDefault(serviceCode) ?? new PlaceInPools(Pool: null, HasRoom: false, IsAway: false);
    }

    /// <summary>Whether a contract finds room with so much; then it is kept for it for a minute.</summary>
    /// <param name="serviceCode">The contract; empty: one that is not there yet.</param>
    /// <param name="declaredBitsPerSecond">What is declared; null: what is declared already.</param>
    /// <param name="alwaysOn">Whether always-on is asked for; null: as it is.</param>
    /// <param name="cause">Why it is asked: the same request again holds the same room.</param>
    /// <param name="cancellation">Stops the wait.</param>
    public async Task<bool> TryHold(string serviceCode, long? declaredBitsPerSecond, bool? alwaysOn, string cause, CancellationToken cancellation)
    {
        if (options.Value.Pools.Length == 0)
        {
            return true;
        }

        await using var connection = await database.OpenConnectionAsync(cancellation);
        await using var transaction = await connection.BeginTransactionAsync(cancellation);
        await connection.ExecuteAsync("select pg_advisory_xact_lock(@AskersLock)", new { AskersLock }); // one asker at a time
        await connection.ExecuteAsync("delete from views.capacity_holds_v1 where held_until <= @longAgo", new { longAgo = clock.GetUtcNow() - RepeatedWithin });
        var holdId = DerivedId.For(Guid.Empty, $"hold {serviceCode} {cause}");
        if (serviceCode.Length == 0 && await connection.ExecuteScalarAsync<bool>(
            "select exists (select from views.capacity_holds_v1 where hold_id = @holdId and service_code <> '')", new { holdId }))
        {
            return true; // signed already: its contract has the room
        }

        var (declared, always, pool) = await connection.QuerySingleOrDefaultAsync<(long, bool, string?)>(
            $"""
            select c.declared_bits_per_second, c.always_on or coalesce(o.ordered, false), stands.pool
            from views.contracts_v1 c left join views.always_on_v1 o using (tenant_id, service_code) left join {StandsIn} stands using (tenant_id, service_code)
            where c.service_code = @serviceCode
            """,
            new { serviceCode, Diversion });
        var need = Allocation.NeedOf(declaredBitsPerSecond ?? declared, alwaysOn ?? always, options.Value.Sharing);
        var others = (await Needs(connection, except: serviceCode, cancellation)).Where(it => it.Key != KeyOf(holdId)).ToList();
        var has = Allocation.NeedOf(declared, always, options.Value.Sharing);
        if (need <= 0 || (need > has && !Allocation.Fits(options.Value.Pools, others, new Need(serviceCode.Length > 0 ? serviceCode : "~new", need, pool))))
        {
            return false; // who needs no more than he has is not shut out by a limit that was lowered
        }

        await connection.ExecuteAsync(
            """
            insert into views.capacity_holds_v1 (hold_id, service_code, bits_per_second, held_until)
            values (@holdId, @serviceCode, @need, @until)
            on conflict (hold_id) do update set bits_per_second = excluded.bits_per_second, held_until = excluded.held_until
            """,
            new { holdId, serviceCode, need, until = clock.GetUtcNow() + HeldFor });
        await transaction.CommitAsync(cancellation);
        return true;
    }

    /// <summary>Room that was kept for a contract before it was there is kept for this one now, and is not counted beside it.</summary>
    public async Task Admitted(KnownContract contract, CancellationToken cancellation)
    {
        await using var connection = await database.OpenConnectionAsync(cancellation);
        await connection.ExecuteAsync(
            """
            update views.capacity_holds_v1 set service_code = @ServiceCode where hold_id = (
                select hold_id from views.capacity_holds_v1 where service_code = '' and bits_per_second = @need and held_until > @now order by held_until limit 1)
            """,
            new { contract.ServiceCode, now = clock.GetUtcNow(), need = Allocation.NeedOf(contract.DeclaredBitsPerSecond, contract.AlwaysOn, options.Value.Sharing) });
    }

    /// <summary>
    /// The pool that a diversion of contract c leads to, whatever it stands for: there the traffic is, whatever was lowered or declared since, and what joins has
    /// to go there too.
    /// </summary>
    private const string StandsIn = """
        (select m.tenant_id, m.service_code, max(s.pool) as pool
            from views.countermeasures_v1 s join views.mitigations_v1 m using (tenant_id, mitigation_id)
            where s.in_network and not s.withdrawn and not s.withdrawing and s.kind = @Diversion and m.ended_at is null and m.withdrawal_requested_at is null
            group by m.tenant_id, m.service_code)
        """;

    private const short Diversion = (short)CountermeasureKind.Diversion;

    /// <summary>Contracts in force, each with the greater of what it has and what is held for it; and what is held for new ones.</summary>
    private async Task<List<Need>> Needs(NpgsqlConnection connection, string except, CancellationToken cancellation)
    {
        var contracts = await connection.QueryAsync<(string ServiceCode, long Declared, bool AlwaysOn, string? Pool)>(new CommandDefinition(
            $"""
            select c.service_code, c.declared_bits_per_second, coalesce(o.ordered, false), stands.pool
            from views.contracts_v1 c left join views.always_on_v1 o using (tenant_id, service_code) left join {StandsIn} stands using (tenant_id, service_code)
            where c.ended_at is null and c.service_code <> @except
            """,
            new { except, Diversion },
            cancellationToken: cancellation));
        var held = (await connection.QueryAsync<(Guid Id, string ServiceCode, long BitsPerSecond)>(new CommandDefinition(
            "select hold_id, service_code, bits_per_second from views.capacity_holds_v1 where held_until > @now and (service_code = '' or service_code <> @except)",
            new { except, now = clock.GetUtcNow() },
            cancellationToken: cancellation))).AsList();
        return
        [
            .. contracts.Select(contract => new Need(
                contract.ServiceCode,
                Math.Max(
                    Allocation.NeedOf(contract.Declared, contract.AlwaysOn, options.Value.Sharing),
                    held.Where(hold => hold.ServiceCode == contract.ServiceCode).Select(hold => hold.BitsPerSecond).DefaultIfEmpty(0).Max()),
                contract.Pool)),
            .. held.Where(hold => hold.ServiceCode.Length == 0).Select(hold => new Need(KeyOf(hold.Id), hold.BitsPerSecond)),
        ];
    }

    private static string KeyOf(Guid holdId) => $"~{holdId}";
}

/// <param name="Pool">The pool; null: none, or none in particular.</param>
/// <param name="HasRoom">Whether there is room for it.</param>
/// <param name="IsAway">Whether there would be, if the scrubbers of all pools were there.</param>
internal sealed record PlaceInPools(string? Pool, bool HasRoom, bool IsAway);
