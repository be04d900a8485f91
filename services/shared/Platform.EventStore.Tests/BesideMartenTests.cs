using Npgsql;
using Platform.Testing;
using static Platform.EventStore.Tests.AStore;

namespace Platform.EventStore.Tests;

/// <summary>Someone with Marten opens the same database, reads, appends on and archives at any time; ours goes on with what it finds.</summary>
public sealed class BesideMartenTests(AStore given) : IClassFixture<AStore>
{
    private static CancellationToken Token => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Events_that_Marten_appended_are_folded_read_and_gone_on_from()
    {
        await given.Count(Acme, "shared", 5);
        await using (var marten = await AForeignWriter.Begin(given, "shared"))
        {
            await marten.Append(3);
            await marten.Commit();
        }

        await given.Store.Tenant(Acme).Handle(TallyState.Stream, "shared", state => new TallyCounted(state.Total), NewCause(), Token);

        var read = await given.Store.Tenant(Acme).Read(TallyState.Stream, "shared", Token);
        Assert.Equal([5, 1, 1, 1, 8], read.Select(e => ((TallyCounted)e.Data).By));
        Assert.Equal([1, 2, 3, 4, 5], read.Select(e => e.Version));
        Assert.All(read.Skip(1).Take(3), e => Assert.Equal(new EventMetadata("correlation", null, null, null, null), e.Metadata));
        Assert.Equal(5, await given.Query<long>($"select version from events.mt_streams where id = 'tally:shared' and tenant_id = '{Acme}'"));
    }

    [Fact]
    public async Task A_stream_that_Marten_began_is_gone_on_with()
    {
        await using (var marten = await AForeignWriter.Begin(given, "martens"))
        {
            await marten.Append(2);
            await marten.Commit();
        }

        var refused = await given.Store.Tenant(Acme).Append(
            TallyState.Stream, "martens", ExpectedVersion.New, [new TallyCounted(1)], NewCause(), Token);
        var appended = await given.Store.Tenant(Acme).Append(
            TallyState.Stream, "martens", ExpectedVersion.Exactly(2), [new TallyCounted(1)], NewCause(), Token);

        Assert.Equal((AppendOutcome.Conflict, 2), (refused.Outcome, refused.Version));
        Assert.Equal((AppendOutcome.Appended, 3), (appended.Outcome, appended.Version));
    }

    [Fact]
    public async Task A_stream_that_exists_without_an_event_is_still_new()
    {
        await given.Execute($"insert into events.mt_streams (tenant_id, id, version) values ('{Acme}', 'tally:empty', 0)");

        var decision = await given.Store.Tenant(Acme).Handle(TallyState.Stream, "empty", _ => new TallyCounted(1), NewCause(), Token);

        Assert.IsType<Decision<TallyEvent>.Accepted>(decision);
        Assert.Equal(1, (await given.Store.Tenant(Acme).Load(TallyState.Stream, "empty", Token)).Version);
    }

    [Fact]
    public async Task When_both_append_the_same_version_and_wait_for_each_other_one_of_them_takes_effect()
    {
        await given.Count(Acme, "embrace", 1);
        await using var marten = await AForeignWriter.Begin(given, "embrace");
        var session = given.Store.Tenant(Acme);

        // Marten has inserted version 2, ours holds the stream and waits to insert it, Marten comes to wait for the stream.
        await marten.Insert(2);
        var ours = session.Append(TallyState.Stream, "embrace", ExpectedVersion.Exactly(1), [new TallyCounted(1)], NewCause(), Token);
        await Eventually.Equal(1, () => given.Query<long>("select count(*) from pg_stat_activity where wait_event_type = 'Lock' and query like '%platform.append%' and datname = current_database()"));
        bool martens;
        try
        {
            martens = await marten.MoveVersion(1);
            await marten.Commit();
        }
        catch (PostgresException)
        {
            martens = false;
            await marten.Rollback();
        }

        Assert.Equal(martens ? AppendOutcome.Conflict : AppendOutcome.Appended, (await ours).Outcome);
        Assert.Equal(2, (await session.Load(TallyState.Stream, "embrace", Token)).Version);
    }

    [Fact]
    public async Task Both_under_load_on_the_same_streams_leave_no_gap_and_lose_nothing_of_ours()
    {
        var tenant = TenantId.Of(Guid.CreateVersion7(TimeProvider.System.GetUtcNow()));
        var martens = 0;
        await Task.WhenAll(Enumerable.Range(0, 6).Select(async writer =>
        {
            for (var i = 0; i < 20; i++)
            {
                if (writer % 2 == 0)
                {
                    await given.Store.Tenant(tenant).Handle(TallyState.Stream, $"{i % 5}", _ => new TallyCounted(1), NewCause(), Token);
                    continue;
                }

                await using var marten = await AForeignWriter.Begin(given, $"{i % 5}", tenant);
                try
                {
                    await marten.Append();
                    await marten.Commit();
                    Interlocked.Increment(ref martens);
                }
                catch (PostgresException e) when (e.SqlState is PostgresErrorCodes.UniqueViolation or PostgresErrorCodes.DeadlockDetected)
                {
                    // Marten tells its caller, who decides again. Ours does that by itself.
                }
            }
        }));

        Assert.Equal(60 + martens, await given.Query<long>($"select sum(version)::bigint from events.mt_streams where tenant_id = '{tenant}'"));
        Assert.Equal(0, await given.Query<long>(
            $"""
            select count(*) from events.mt_streams s where tenant_id = '{tenant}' and version <>
                (select count(*) from events.mt_events e where e.tenant_id = s.tenant_id and e.stream_id = s.id and e.version between 1 and s.version)
            """));
        var report = await new StreamAudit(given.Store).Verify(tenant, Token);
        Assert.Equal((0, martens), (report.Findings.Count, report.Foreign.Count));
    }

    [Fact]
    public async Task A_stream_that_Marten_archived_is_read_as_before_and_takes_no_more_events()
    {
        await given.Count(Acme, "archived", 1, 2);
        await using (var marten = await AForeignWriter.Begin(given, "archived"))
        {
            await marten.Archive();
            await marten.Commit();
        }

        Assert.Equal(AppendOutcome.Closed, (await given.Count(Acme, "archived", 3)).Outcome);
        Assert.Equal(3, (await given.Store.Tenant(Acme).Load(TallyState.Stream, "archived", Token)).State.Total);
        Assert.Equal(2, (await given.Store.Tenant(Acme).Read(TallyState.Stream, "archived", Token)).Count);
    }

    [Fact]
    public async Task Keys_are_named_as_Marten_names_them_and_the_time_zone_is_the_one_its_function_trusts_in()
    {
        Assert.Equal(
            "fkey_mt_events_stream_id_tenant_id pk_mt_event_progression pkey_mt_events_seq_id pkey_mt_streams_tenant_id_id",
            await given.Query<string>(
                """select string_agg(conname, ' ' order by conname collate "C") from pg_constraint where connamespace = 'events'::regnamespace"""));
        Assert.Contains("TimeZone=UTC", await given.Query<string[]>(
            "select setconfig from pg_db_role_setting where setdatabase = (select oid from pg_database where datname = current_database()) and setrole = 0"));
    }

    [Fact]
    public async Task Events_of_Martens_own_and_of_other_programs_are_passed_over_wherever_they_stand()
    {
        await given.Count(Borg, "archived-by-event", 5);
        await Insert("tally:archived-by-event", 2, "archived", "'JasperFx.Events.Archived, JasperFx.Events'");
        await Insert("somebody-elses", 1, "note_added", "null");
        var last = await given.Count(Borg, "archived-by-event", 1);

        await given.Store.Tenant(Borg).Handle(TallyState.Stream, "archived-by-event", state => new TallyCounted(state.Total), NewCause(), Token);

        Assert.Equal((AppendOutcome.Appended, 3), (last.Outcome, last.Version));
        Assert.Equal(12, (await given.Store.Tenant(Borg).Load(TallyState.Stream, "archived-by-event", Token)).State.Total);
        Assert.Equal([1, 3, 4], (await given.Store.Tenant(Borg).Read(TallyState.Stream, "archived-by-event", Token)).Select(e => e.Version));
        await foreach (var batch in given.Feed.Follow("strangers", Token))
        {
            Assert.DoesNotContain(batch.Events, e => e.StreamKey == "somebody-elses");
            if (batch.To > last.Sequence)
            {
                break;
            }
        }
    }

    [Fact]
    public async Task A_binary_body_is_named_instead_of_read_as_empty()
    {
        var tenant = TenantId.Of(Guid.CreateVersion7(TimeProvider.System.GetUtcNow()));
        await given.Count(tenant, "binary", 5);
        await Insert("tally:binary", 2, "tally_counted", "null", tenant, "'\\x0102'");

        var session = given.Store.Tenant(tenant);
        await Assert.ThrowsAsync<UnreadableEventException>(() => session.Load(TallyState.Stream, "binary", Token));
        await Assert.ThrowsAsync<UnreadableEventException>(() => session.Read(TallyState.Stream, "binary", Token));
        await given.Execute($"delete from events.mt_events where tenant_id = '{tenant}' and version = 2"); // or it stops every reader of the class
    }

    [Fact]
    public async Task A_row_that_names_no_tenant_is_nobodys_and_is_passed_over()
    {
        await given.Execute(
            """
            insert into events.mt_events (seq_id, id, stream_id, version, data, type, timestamp, tenant_id)
            values (nextval('events.mt_events_sequence'), gen_random_uuid(), 'tally:nobodys', 1, '{"By": 1}', 'tally_counted', now(), null)
            """);
        var last = await given.Count(Acme, "after-nobodys", 1);

        await foreach (var batch in given.Feed.Follow("nobody", Token))
        {
            Assert.DoesNotContain(batch.Events, e => e.StreamKey == "nobodys");
            if (batch.To >= last.Sequence)
            {
                break;
            }
        }
    }

    [Fact]
    public async Task Headers_that_are_no_object_stop_neither_appends_nor_anchors_nor_the_audit()
    {
        var tenant = TenantId.Of(Guid.CreateVersion7(TimeProvider.System.GetUtcNow()));
        await given.Count(tenant, "scalar", 5);
        await Insert("tally:scalar", 2, "tally_counted", "null", tenant, headers: """'"text"'""");

        var appended = await given.Count(tenant, "scalar", 1);
        var anchored = await new StreamAudit(given.Store).Anchor(Noon.AddHours(-12), Token);
        var report = await new StreamAudit(given.Store).Verify(tenant, Token);

        Assert.Equal(AppendOutcome.Appended, appended.Outcome);
        Assert.Contains(tenant, anchored.Keys);
        Assert.Equal((0, 1), (report.Findings.Count, report.Foreign.Count));
    }

    [Fact]
    public async Task Streams_that_Marten_keeps_under_a_tenant_of_its_own_disturb_neither_feed_nor_audit()
    {
        await given.Execute(
            """
            insert into events.mt_streams (id, version) values ('tally-of-nobody', 1);
            insert into events.mt_events (seq_id, id, stream_id, version, data, type, timestamp)
            values (nextval('events.mt_events_sequence'), gen_random_uuid(), 'tally-of-nobody', 1, '{"By": 1}', 'tally_counted', now())
            """);
        var last = await given.Query<long>("select max(seq_id) from events.mt_events");

        await foreach (var batch in given.Feed.Follow("default-tenant", Token))
        {
            if (batch.To >= last)
            {
                Assert.Contains(batch.Events, e => e.TenantId.Value == "*DEFAULT*");
                break;
            }
        }

        await foreach (var (tenant, report) in new StreamAudit(given.Store).VerifyAll(Token))
        {
            Assert.Equal(tenant.Value == "*DEFAULT*" ? 1 : report.Foreign.Count, report.Foreign.Count);
        }
    }

    private Task Insert(
        string stream, int version, string type, string dotnetType, TenantId? tenant = null, string bdata = "null", string headers = "null") => given.Execute(
        $$"""
        insert into events.mt_streams (tenant_id, id, version) values ('{{tenant ?? Borg}}', '{{stream}}', {{version}})
        on conflict (tenant_id, id) do update set version = excluded.version;
        insert into events.mt_events (seq_id, id, tenant_id, stream_id, version, data, bdata, type, mt_dotnet_type, timestamp, headers)
        values (nextval('events.mt_events_sequence'), gen_random_uuid(), '{{tenant ?? Borg}}', '{{stream}}', {{version}}, '{}', {{bdata}}, '{{type}}',
            {{dotnetType}}, '2030-01-01 12:00Z', {{headers}})
        """);
}
