using static Platform.EventStore.Tests.AStore;

namespace Platform.EventStore.Tests;

[Trait("Requirement", "R173")]
[Trait("Requirement", "R197")]
public sealed class StreamAuditTests(AStore given) : IClassFixture<AStore>
{
    private readonly TenantId _tenant = TenantId.Of(Guid.CreateVersion7(TimeProvider.System.GetUtcNow()));

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Untouched_streams_verify()
    {
        await AStream("a", 1, 2, 3);
        await given.Count(_tenant, "a", 4);

        var report = await Verify();

        Assert.Equal((4, 0, 0), (report.Events, report.Findings.Count, report.Foreign.Count));
    }

    [Theory]
    [InlineData("update events.mt_events set data = '{\"By\": 9}' where @ and version = 2", "tally:a version 2: Changed")]
    [InlineData("update events.mt_events set data = data || '{\"More\": 1}' where @ and version = 2", "tally:a version 2: Changed")]
    [InlineData("update events.mt_events set type = 'tally_closed' where @ and version = 2", "tally:a version 2: Changed")]
    [InlineData("update events.mt_events set timestamp = timestamp + interval '1 microsecond' where @ and version = 2", "tally:a version 2: Changed")]
    [InlineData("update events.mt_events set causation_id = 'other' where @ and version = 2", "tally:a version 2: Changed")]
    [InlineData("update events.mt_events set headers = headers || '{\"actor\": \"other\"}' where @ and version = 2", "tally:a version 2: Changed")]
    [InlineData("update events.mt_events set headers = headers || '{\"hash\": \"00\"}' where @ and version = 2", "tally:a version 2: Changed")]
    [InlineData("update events.mt_events set headers = headers || jsonb_build_object('hash', repeat('0', 64)) where @ and version = 2", "tally:a version 2: Changed", "tally:a version 3: Changed")]
    [InlineData("update events.mt_events set headers = headers - 'hash' where @ and version = 4", "tally:a version 4: Changed")]
    [InlineData("update events.mt_events set data = '{\"By\": 9}', headers = headers - 'hash' where @ and version > 2", "tally:a version 3: Changed", "tally:a version 4: Changed")]
    [InlineData(
        "update events.mt_events e set seq_id = -1 where @ and version = 1; update events.mt_events set seq_id = seq_id - 2 where @ and version = 3; update events.mt_events e set seq_id = 2 + (select seq_id from events.mt_events x where x.tenant_id = e.tenant_id and x.stream_id = e.stream_id and x.version = 3) where @ and version = 1",
        "tally:a version 2: Changed",
        "tally:a version 3: Changed")]
    [InlineData("update events.mt_events set data = '{\"By\": 9}', headers = headers - 'hash', causation_id = null where @ and version = 4", "tally:a version 4: Changed")]
    [InlineData("update events.mt_events set bdata = '\\x99' where @ and version = 2", "tally:a version 2: Changed")]
    [InlineData("delete from events.mt_events where @ and version = 2", "tally:a version 2: Removed", "tally:a version 3: Unproven")]
    [InlineData("delete from events.mt_events where @ and version = 1", "tally:a version 1: Removed", "tally:a version 2: Unproven")]
    [InlineData(
        "delete from events.mt_events where @ and version = 2; update events.mt_events set data = '{\"By\": 9}' where @ and version = 3",
        "tally:a version 2: Removed",
        "tally:a version 3: Unproven")]
    [InlineData("delete from events.mt_events where @ and version = 4", "tally:a version 4: Removed")]
    public async Task A_changed_or_removed_event_is_named(string attack, params string[] found)
    {
        await AStream("a", 1, 2, 3, 4);

        await Attack(attack);

        Assert.Equal(found, (await Verify()).Findings.Select(finding => finding.ToString()));
    }

    [Fact]
    public async Task A_stream_that_says_it_ends_before_its_last_event_is_named()
    {
        await AStream("a", 1, 2, 3);

        await Attack("update events.mt_streams set version = 1 where @", "id");

        Assert.Equal(["tally:a version 2: Changed"], Texts(await Verify()));
    }

    [Fact]
    public async Task Events_that_changed_places_are_named()
    {
        await AStream("a", 1, 2, 3);

        await Attack("update events.mt_events set version = -version where @ and version < 3");
        await Attack("update events.mt_events set version = 3 + version where @ and version < 0");

        Assert.Equal(["tally:a version 1: Changed", "tally:a version 2: Changed", "tally:a version 3: Changed"], Texts(await Verify()));
    }

    [Fact]
    public async Task An_event_that_was_inserted_is_named()
    {
        await AStream("a", 1, 2);

        await Attack("update events.mt_events set version = 3 where @ and version = 2");
        await Attack(
            """
            insert into events.mt_events (seq_id, id, stream_id, version, data, type, timestamp, tenant_id, headers)
            select nextval('events.mt_events_sequence'), gen_random_uuid(), stream_id, 2, data, type, timestamp, tenant_id, headers
              from events.mt_events where @ and version = 1
            """);
        await Attack("update events.mt_streams set version = 3 where @", "id");

        Assert.Contains("tally:a version 2: Changed", Texts(await Verify()));
    }

    [Fact]
    public async Task A_tail_cut_off_cleanly_and_a_stream_taken_as_a_whole_are_missed_by_the_inbox_before_any_anchor()
    {
        await AStream("a", 1);
        await AStream("a", 2);
        await AStream("b", 1, 2);
        await Attack("delete from events.mt_events where @ and version = 2");
        await Attack("update events.mt_streams set version = 1 where @", "id");
        await Take("b");
        var cut = Texts(await Verify());
        await Take("a");

        Assert.Equal(["tally:a version 2: Removed", "tally:b version 1: Removed", "tally:b version 2: Removed"], cut);
        var tenants = new List<TenantId>();
        await foreach (var (tenant, _) in new StreamAudit(given.Store).VerifyAll(Token))
        {
            tenants.Add(tenant);
        }

        Assert.Contains(_tenant, tenants); // though it has nothing left
    }

    [Fact]
    public async Task The_digest_of_an_earlier_day_can_be_asked_for_and_compared()
    {
        var audit = new StreamAudit(given.Store);
        await AStream("a", 1);
        var first = (await audit.Anchor(Noon.AddHours(-12), Token))[_tenant];
        await AStream("b", 1);
        var second = (await audit.Anchor(Noon.AddHours(12), Token))[_tenant];

        Assert.Equal([(new(2030, 1, 1), first), (new(2030, 1, 2), second)], await audit.Digests(_tenant, Token));
    }

    [Fact]
    public async Task A_tail_cut_off_cleanly_and_a_stream_taken_as_a_whole_do_not_reach_their_anchors()
    {
        await AStream("a", 1, 2, 3);
        await AStream("b", 1);
        await AStream("c", 1, 2);
        var digest = (await new StreamAudit(given.Store).Anchor(Noon.AddHours(-12), Token))[_tenant];

        await Attack("delete from events.mt_events where @ and version > 1");
        await Attack("update events.mt_streams set version = 1 where @", "id");
        await Take("b");
        await ForgetTheInbox();

        Assert.Equal(["tally:a version 3: Removed", "tally:b version 1: Removed"], Texts(await Verify()));
        Assert.Matches("^[0-9a-f]{64}$", digest);
    }

    [Fact]
    public async Task An_event_that_came_too_late_for_its_days_anchor_has_the_next_days()
    {
        var audit = new StreamAudit(given.Store);
        await AStream("a", 1);
        await audit.Anchor(Noon.AddHours(-12), Token);
        await AStream("a", 2);

        await audit.Anchor(Noon.AddHours(12), Token);

        await Attack("delete from events.mt_events where @ and version = 2");
        await Attack("update events.mt_streams set version = 1 where @", "id");
        await ForgetTheInbox();
        Assert.Equal(["tally:a version 2: Removed"], Texts(await Verify()));
    }

    [Fact]
    public async Task A_stream_goes_on_after_someone_spoiled_its_chain()
    {
        await AStream("a", 1, 2);
        await Attack("update events.mt_events set headers = headers || '{\"hash\": \"spoiled\"}' where @ and version = 2");

        await given.Count(_tenant, "a", 3);

        Assert.Equal(["tally:a version 2: Changed"], Texts(await Verify()));
    }

    [Fact]
    public async Task A_chain_written_anew_as_a_whole_does_not_fit_its_anchor()
    {
        await AStream("a", 1, 2);
        await new StreamAudit(given.Store).Anchor(Noon.AddHours(-12), Token);

        await given.Execute($"delete from events.mt_events where tenant_id = '{_tenant}'; delete from events.mt_streams where tenant_id = '{_tenant}'");
        await AStream("a", 1, 9);

        Assert.Equal(["tally:a version 2: Rewritten"], Texts(await Verify()));
    }

    [Fact]
    public async Task Forged_anchors_show_in_the_digest()
    {
        await AStream("a", 1, 2);
        var audit = new StreamAudit(given.Store);
        var first = (await audit.Anchor(Noon.AddHours(-12), Token))[_tenant];
        var same = (await audit.Anchor(Noon.AddHours(-12), Token))[_tenant];

        await given.Execute($"update platform.anchors set version = 1 where tenant_id = '{_tenant}'");

        Assert.Equal(first, same);
        Assert.NotEqual(first, (await audit.Anchor(Noon.AddHours(-12), Token))[_tenant]);
    }

    [Fact]
    public async Task Events_of_a_foreign_writer_are_named_as_such_and_covered_by_the_next_event_of_ours()
    {
        await AStream("a", 1);
        await using (var foreign = await AForeignWriter.Begin(given, "a", _tenant))
        {
            await foreign.Append();
            await foreign.Append();
            await foreign.Commit();
        }

        await given.Count(_tenant, "a", 4);
        var untouched = await Verify();
        await Attack("update events.mt_events set data = '{\"By\": 9}' where @ and version = 2");

        Assert.Empty(untouched.Findings);
        Assert.Equal([2, 3], untouched.Foreign.Select(foreign => foreign.Version));
        Assert.Equal(["tally:a version 4: Changed"], Texts(await Verify()));
    }

    [Fact]
    public async Task What_stays_after_an_erasure_still_verifies()
    {
        await AStream("a", 1, 2);
        await AStream("b", 1, 2);
        await new StreamAudit(given.Store).Anchor(Noon.AddHours(-12), Token);

        await given.Store.Tenant(_tenant).Erase(new Erasure(Guid.Parse("0190eeee-0000-7000-8000-000000000002"), [TallyState.Stream.For("a")], []), Token);

        var report = await Verify();
        Assert.Equal((2, 0), (report.Events, report.Findings.Count));
    }

    private Task<AppendResult> AStream(string key, params int[] counts) => given.Count(_tenant, key, counts);

    private Task Attack(string sql, string column = "stream_id") =>
        given.Execute(sql.Replace("@", $"tenant_id = '{_tenant}' and {column} = 'tally:a'", StringComparison.Ordinal));

    private Task Take(string key) => given.Execute(
        $"delete from events.mt_events where tenant_id = '{_tenant}' and stream_id = 'tally:{key}'; delete from events.mt_streams where tenant_id = '{_tenant}' and id = 'tally:{key}'");

    /// <summary>Who knows that it is a witness as well.</summary>
    private Task ForgetTheInbox() => given.Execute($"delete from platform.inbox where tenant_id = '{_tenant}'");

    private Task<AuditReport> Verify() => new StreamAudit(given.Store).Verify(_tenant, Token);

    private static IEnumerable<string> Texts(AuditReport report) => report.Findings.Select(finding => finding.ToString());
}
