using Dapper;
using Google.Protobuf.WellKnownTypes;
using Grpc.Core;
using Microsoft.Extensions.Options;
using Npgsql;
using Platform.EventStore;

namespace Platform.Mitigation.Bgp;

/// <summary>
/// Speakers that the settings do not name any more. What they hold of ours is withdrawn, and only when one was read without any of it is it
/// forgotten: nothing stays in the network where nobody looks.
/// </summary>
internal sealed class RetiredSpeakers(
    NpgsqlDataSource database, StreamStore store, IOptions<BgpOptions> options, TimeProvider clock, ILogger<RetiredSpeakers> log)
{
    private static readonly TimeSpan KnockInterval = TimeSpan.FromSeconds(2);

    /// <summary>Remembers the speakers of today and empties those of yesterday. Does not end before it is stopped.</summary>
    public async Task Empty(CancellationToken seated)
    {
        while (!seated.IsCancellationRequested)
        {
            try
            {
                await Task.WhenAll((await Retired(seated)).Select(it => Empty(it.Name, new Uri(it.Address), seated)));
                await Task.Delay(Timeout.InfiniteTimeSpan, seated);
            }
            catch (Exception fault) when (!seated.IsCancellationRequested)
            {
                log.ReconcilerWaits(fault); // whatever it was: the speakers of today must not stop for it
                await Task.Delay(KnockInterval, seated);
            }
        }
    }

    private async Task<IReadOnlyList<(string Name, string Address)>> Retired(CancellationToken cancellation)
    {
        await using var connection = await database.OpenConnectionAsync(cancellation);
        await connection.ExecuteAsync(
            "insert into views.held_speakers_v2 (address, name) values (@Address, @Name) on conflict (address) do update set name = excluded.name",
            options.Value.Speakers.Select(speaker => new { speaker.Name, Address = speaker.Address!.ToString() }));
        return (await connection.QueryAsync<(string, string)>(
            "select name, address from views.held_speakers_v2 where address <> all (@configured)",
            new { configured = options.Value.Speakers.Select(speaker => speaker.Address!.ToString()).ToArray() })).AsList();
    }

    private async Task Empty(string name, Uri address, CancellationToken seated)
    {
        using var speaker = SpeakerAt(new SpeakerOptions { Name = name, Address = address });
        var (withdrawn, isAway) = (0, false);
        while (!seated.IsCancellationRequested)
        {
            try
            {
                var own = await speaker.ReadOwn(seated);
                switch (await IsStillOurs(speaker, own, seated))
                {
                    case true: // the same machine at another address
                        await Forget(address, seated);
                        return;
                    case null:
                        await Task.Delay(KnockInterval, seated);
                        continue;
                }

                if (own.Count == 0)
                {
                    await Note(new SpeakerRetired(name, withdrawn, clock.GetUtcNow()), seated);
                    await Forget(address, seated);
                    log.SpeakerRetired(name, withdrawn);
                    return;
                }

                await speaker.Apply([], own, seated);
                withdrawn += own.Count;
                Telemetry.Applied(name, added: 0, own.Count);
            }
            catch (Exception fault) when (!seated.IsCancellationRequested)
            {
                Telemetry.SpeakerAway(name);
                if (!isAway)
                {
                    isAway = true;
                    log.SpeakerAway(name, address, fault.Message); // once; what it may hold of ours waits for it
                }

                await Task.Delay(KnockInterval, seated);
            }
        }
    }

    private Task<AppendResult> Note(SpeakerRetired happened, CancellationToken cancellation) => store.Tenant(TenantId.Provider).Append(
        SpeakerState.Stream,
        SpeakerState.KeyOf(happened.Speaker, happened.RetiredAt),
        ExpectedVersion.Any,
        [happened],
        new Cause($"retired:{happened.Speaker}:{happened.RetiredAt.UtcTicks}"),
        cancellation);

    private async Task Forget(Uri address, CancellationToken cancellation)
    {
        await using var connection = await database.OpenConnectionAsync(cancellation);
        await connection.ExecuteAsync("delete from views.held_speakers_v2 where address = @address", new { address = address.ToString() });
    }

    /// <summary>
    /// Two addresses of one machine must not take each other's routes away. A router id alone says nothing: a machine that replaces another may be given the
    /// same. But one table was filled at one time, whichever address it is asked at, and that of the new machine later.
    /// </summary>
    /// <returns>Null when it cannot be told, because the table changed meanwhile.</returns>
    private async Task<bool?> IsStillOurs(BgpSpeaker speaker, IReadOnlyList<SpeakerRoute> own, CancellationToken cancellation)
    {
        var (routerId, filled) = (await speaker.ReadRouterId(cancellation), Filled(own));
        foreach (var configured in options.Value.Speakers)
        {
            using var other = SpeakerAt(configured);
            try
            {
                if (await other.ReadRouterId(cancellation) == routerId && filled.IsSubsetOf(Filled(await other.ReadOwn(cancellation))))
                {
                    return true;
                }
            }
            catch (RpcException) when (!cancellation.IsCancellationRequested)
            {
                // Who does not answer is not the one who does.
            }
        }

        return filled.SetEquals(Filled(await speaker.ReadOwn(cancellation))) ? false : null;

        static HashSet<(SpeakerRoute, Timestamp?)> Filled(IReadOnlyList<SpeakerRoute> own) => [.. own.Select(route => (route, route.AddedAt))];
    }

    private BgpSpeaker SpeakerAt(SpeakerOptions speaker) => new(speaker, (uint)options.Value.PathIdentifier, options.Value.Timeout, pools: []);
}
