using Npgsql;
using Platform.Testing;
using static Platform.EventStore.Tests.AStore;

namespace Platform.EventStore.Tests;

/// <summary>The commands of docs/backup.md: dump, destroy, restore.</summary>
[Trait("Requirement", "R28")]
[Trait("Requirement", "R154")]
[Trait("Requirement", "R172")]
public sealed class BackupTests(AStore given) : IClassFixture<AStore>, IDisposable
{
    private static readonly string[] Tables =
    [
        "events.mt_streams", "events.mt_events", "platform.inbox", "platform.checkpoints", "platform.keys", "platform.erased_streams", "platform.erasing",
        "platform.anchors", "views.tallies_v1",
    ];

    private readonly string _dump = Path.GetTempFileName();

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    [Fact]
    public async Task What_was_destroyed_comes_back_equal_and_everything_goes_on_where_the_backup_ended()
    {
        await given.Count(Acme, "a", 1, 2);
        await given.Count(Borg, "a", 5);
        var registered = new PersonRegistered("DP00000001", Guid.Empty, "長谷川", ["a@example.net"], null);
        await given.Store.Tenant(Acme).Append(PersonState.Stream, "p", ExpectedVersion.New, [registered], NewCause(), Token);
        await new StreamAudit(given.Store).Anchor(Noon.AddHours(-12), Token);
        await CatchUp();
        var before = await Fingerprint();
        var last = await given.Query<long>("select max(seq_id) from events.mt_events");

        await PgRun("pg_dump", "--format=custom", $"--file={_dump}");
        await given.Execute("drop schema events, platform, views cascade");
        await PgRun("pg_restore", "--no-owner", "--exit-on-error", _dump);
        given.Database.Clear(); // sessions that prepared statements on what is gone

        Assert.Equal(before, await Fingerprint());
        Assert.Empty((await new StreamAudit(given.Store).Verify(Acme, Token)).Findings);
        Assert.Equal(registered.Name, Assert.IsType<PersonRegistered>((await given.Store.Tenant(Acme).Load(PersonState.Stream, "p", Token)).State.Events[0]).Name);
        Assert.Equal(last + 1, (await given.Count(Acme, "a", 4)).Sequence);
        await CatchUp();
        Assert.Equal(7, await given.Query<long>($"select total from views.tallies_v1 where tenant_id = '{Acme.Value}'"));
    }

    public void Dispose() => File.Delete(_dump);

    private async Task CatchUp()
    {
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(Token);
        var runner = given.Runner(new Tallies());
        var running = runner.Run(stop.Token);
        await runner.CatchUp(Token);
        await stop.CancelAsync();
        await running;
    }

    /// <summary>One hash for each table, over all its rows.</summary>
    private async Task<IReadOnlyList<string>> Fingerprint()
    {
        var hashes = new List<string>();
        foreach (var table in Tables)
        {
            hashes.Add(await given.Query<string>(
                $"select '{table} ' || count(*) || ' ' || coalesce(md5(string_agg(row::text, e'\\n' order by row::text)), '') from {table} row"));
        }

        return hashes;
    }

    private async Task PgRun(string program, params string[] options)
    {
        var to = new NpgsqlConnectionStringBuilder(given.ConnectionString);
        await Command.Run(
            [program, $"--host={to.Host}", $"--port={to.Port}", $"--username={to.Username}", $"--dbname={to.Database}", .. options],
            new Dictionary<string, string?> { ["PGPASSWORD"] = to.Password },
            Token);
    }
}
