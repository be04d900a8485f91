using System.Collections.Immutable;
using Dapper;
using Npgsql;
using Platform.Mitigation.Bgp;
using Platform.Mitigation.Scrubbers;

namespace Platform.Mitigation.Mitigations;

/// <summary>Where countermeasures shall stand, and where they stand now: speakers and scrubbers, each for itself.</summary>
/// <param name="Network">The speakers.</param>
/// <param name="There">The scrubbers.</param>
/// <param name="Away">Speakers that do not answer.</param>
/// <param name="Lost">Speakers that have lost a countermeasure, or have no session that it goes out by.</param>
/// <param name="Filtering">Scrubbers that hold a countermeasure, as they said when they were heard last.</param>
internal sealed record Places(
    BgpOptions Network, RollCall There, ImmutableHashSet<string> Away, ILookup<Guid, string> Lost, ILookup<Guid, string> Filtering)
{
    public static async Task<Places> Read(NpgsqlDataSource database, BgpOptions network, KnownScrubbers scrubbers, CancellationToken cancellation)
    {
        var there = await scrubbers.Call(cancellation);
        await using var connection = await database.OpenConnectionAsync(cancellation);
        var away = await connection.QueryAsync<string>("select name from views.speakers_v1 where away_since is not null");
        var lost = await connection.QueryAsync<(Guid Id, string Place)>("select countermeasure_id, place from views.missing_v1");
        var filtering = await connection.QueryAsync<(Guid Id, string Agent)>(
            "select countermeasure_id, agent from views.filtered_v1 where held");
        return new(network, there, [.. away], lost.ToLookup(it => it.Id, it => it.Place), filtering.ToLookup(it => it.Id, it => it.Agent));
    }

    /// <summary>Places that hold it now, and those that shall and do not.</summary>
    /// <param name="countermeasureId">Which.</param>
    /// <param name="spec">What it is.</param>
    /// <param name="readBack">Where it was read back at some time.</param>
    public (IReadOnlyList<string> Holding, IReadOnlyList<string> Missing) Of(Guid countermeasureId, CountermeasureSpec spec, IReadOnlyList<string> readBack)
    {
        IReadOnlyCollection<string> shall = spec.Kind is CountermeasureKind.Scrubbing ? There.Options.AgentsOf(spec.Pool) : Network.HoldersOf(spec);
        var holding = shall.Where(IsHolding).Order(StringComparer.Ordinal).ToList();
        return (holding, [.. shall.Except(holding).Order(StringComparer.Ordinal)]);

        bool IsHolding(string place) => spec.Kind is CountermeasureKind.Scrubbing
            ? There.IsThere(place) && Filtering[countermeasureId].Contains(place)
            : readBack.Contains(place) && !Away.Contains(place) && !Lost[countermeasureId].Contains(place);
    }
}
