using System.Security.Cryptography;
using static Platform.EventStore.Tests.AStore;

namespace Platform.EventStore.Tests;

public sealed class SealingTests(AStore given) : IClassFixture<AStore>
{
    private static readonly Guid _person = Guid.Parse("0190cccc-0000-7000-8000-000000000001");

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Sealed_values_are_read_back_and_stand_nowhere_in_the_database()
    {
        var registered = ARegistration("DP00000001");

        await Append(Acme, "p1", registered, new PersonNoted("canary-note"));

        Assert.Equivalent(new PersonEvent[] { registered, new PersonNoted("canary-note") }, await Events(Acme, "p1"), strict: true);
        Assert.Equal(0, await given.Query<long>(
            "select count(*) from events.mt_events where data::text ~ 'canary|佐藤' or headers::text ~ 'canary|佐藤'"));
        Assert.Equal(
            "DP00000001",
            await given.Query<string>("select data ->> 'ServiceCode' from events.mt_events where stream_id = 'person:p1' and version = 1"));
    }

    [Fact]
    [Trait("Requirement", "R36")]
    public async Task After_the_key_is_destroyed_values_read_as_erased_and_other_keys_still_open_theirs()
    {
        await Append(Acme, "p2", ARegistration("DP00000002"), ARegistration("DP00000003"), new PersonNoted("canary-kept"));

        var counts = await given.Store.Tenant(Acme).Erase(new Erasure(Guid.Parse("0190dddd-0000-7000-8000-000000000001"), [], ["DP00000002"]), Token);

        Assert.Equal(1, counts[TenantSession.ErasedKeys]);
        Assert.Equivalent(
            new PersonEvent[]
            {
                new PersonRegistered("DP00000002", _person, SealedAttribute.ErasedValue, [SealedAttribute.ErasedValue, SealedAttribute.ErasedValue], null),
                ARegistration("DP00000003"),
                new PersonNoted("canary-kept"),
            },
            await Events(Acme, "p2"),
            strict: true);
        Assert.DoesNotContain((await new StreamAudit(given.Store).Verify(Acme, Token)).Findings, it => it.Stream == "person:p2"); // others are spoilt on purpose
    }

    [Fact]
    public async Task A_destroyed_key_is_never_made_anew()
    {
        await given.Store.Tenant(Borg).Erase(new Erasure(Guid.Parse("0190dddd-0000-7000-8000-000000000002"), [], ["DP00000004"]), Token);

        await Append(Borg, "p3", ARegistration("DP00000004"));

        Assert.Equal(SealedAttribute.ErasedValue, ((PersonRegistered)(await Events(Borg, "p3"))[0]).Name);
        Assert.Equal(0, await given.Query<long>("select count(*) from events.mt_events where stream_id = 'person:p3' and data::text ~ 'sealed:'"));
    }

    [Fact]
    public async Task A_value_moved_to_another_event_does_not_open()
    {
        await Append(Acme, "p4", new PersonNoted("canary-one"), new PersonNoted("canary-two"));
        await given.Execute(
            """
            update events.mt_events set data = (select data from events.mt_events where stream_id = 'person:p4' and version = 1)
             where stream_id = 'person:p4' and version = 2
            """);

        await Assert.ThrowsAsync<AuthenticationTagMismatchException>(() => given.Store.Tenant(Acme).Load(PersonState.Stream, "p4", Token));
        await given.Execute("delete from events.mt_events where stream_id = 'person:p4' and version = 2; update events.mt_streams set version = 1 where id = 'person:p4'");
    }

    [Fact]
    public async Task A_new_master_key_in_front_opens_what_the_old_one_wrapped()
    {
        await Append(Acme, "p5", new PersonNoted("canary-old"));
        var lines = await File.ReadAllLinesAsync(given.KeyFile, Token);
        var file = Path.GetTempFileName();
        await File.WriteAllLinesAsync(file, [Convert.ToBase64String(RandomNumberGenerator.GetBytes(32)), .. lines], Token);
        var rotated = new StreamStore(
            given.Database, EventCatalog.Of(typeof(PersonEvent)).SealWith(MasterKey.FromFile(file)), given.Clock);
        File.Delete(file);

        var (state, _) = await rotated.Tenant(Acme).Load(PersonState.Stream, "p5", Token);

        Assert.Equal([new PersonNoted("canary-old")], state.Events);
    }

    [Fact]
    public async Task Another_master_key_opens_nothing_says_which_event_and_leaves_the_rest_readable()
    {
        await Append(Borg, "p7", new PersonMoved("DP00000007", null), new PersonMoved("DP00000007", new PersonPlace("canary-town")));
        await given.Count(Borg, "open", 4);
        var file = Path.GetTempFileName();
        await File.WriteAllTextAsync(file, Convert.ToBase64String(RandomNumberGenerator.GetBytes(32)), Token);
        var stranger = new StreamStore(
            given.Database, EventCatalog.Of(typeof(TallyEvent), typeof(PersonEvent)).SealWith(MasterKey.FromFile(file)), given.Clock);
        File.Delete(file);

        await Assert.ThrowsAsync<CryptographicException>(() => stranger.Tenant(Borg).Load(PersonState.Stream, "p7", Token));
        var unreadable = await Assert.ThrowsAsync<UnreadableEventException>(() => stranger.Tenant(Borg).Read(PersonState.Stream, "p7", Token));

        Assert.Contains("person:p7 version 2", unreadable.Message, StringComparison.Ordinal);
        Assert.IsType<CryptographicException>(unreadable.InnerException);
        Assert.Equal(4, (await stranger.Tenant(Borg).Load(TallyState.Stream, "open", Token)).State.Total);
        Assert.False(await stranger.OpensItsKeys(Token));
        Assert.True(await given.Store.OpensItsKeys(Token));
    }

    [Fact]
    public async Task A_property_of_a_record_that_the_event_holds_is_sealed_with_the_scope_that_the_event_names()
    {
        var moved = new PersonMoved("DP00000008", new PersonPlace("canary-city"));
        await Append(Acme, "p8", moved);

        Assert.Equal([moved], await Events(Acme, "p8"));
        Assert.Equal(0, await given.Query<long>("select count(*) from events.mt_events where stream_id = 'person:p8' and data::text ~ 'canary'"));

        await given.Store.Tenant(Acme).Erase(new Erasure(Guid.Parse("0190dddd-0000-7000-8000-000000000008"), [], ["DP00000008"]), Token);

        Assert.Equal([new PersonMoved("DP00000008", new PersonPlace(SealedAttribute.ErasedValue))], await Events(Acme, "p8"));
    }

    [Fact]
    public async Task An_event_whose_sealed_values_are_missing_makes_no_key()
    {
        await Append(Acme, "p9", new PersonMoved("DP00000009", null));

        Assert.Equal(0, await given.Query<long>("select count(*) from platform.keys where scope = 'DP00000009'"));
        Assert.Equal([new PersonMoved("DP00000009", null)], await Events(Acme, "p9"));
    }

    [Fact]
    public async Task Data_keys_are_stored_wrapped_only()
    {
        await Append(Acme, "p6", new PersonNoted("x"));

        // 12 bytes nonce, 16 bytes tag, 32 bytes of key that the master key has encrypted.
        Assert.Equal(60, await given.Query<int>($"select max(length(wrapped)) from platform.keys where tenant_id = '{Acme.Value}'"));
    }

    private static PersonRegistered ARegistration(string serviceCode) =>
        new(serviceCode, _person, "佐藤 canary", ["canary@example.jp", "second@canary.example"], null);

    private Task<AppendResult> Append(TenantId tenant, string key, params PersonEvent[] events) =>
        given.Store.Tenant(tenant).Append(PersonState.Stream, key, ExpectedVersion.New, events, NewCause(), Token);

    private async Task<IReadOnlyList<PersonEvent>> Events(TenantId tenant, string key)
    {
        var (state, _) = await given.Store.Tenant(tenant).Load(PersonState.Stream, key, Token);
        var read = await given.Store.Tenant(tenant).Read(PersonState.Stream, key, Token);
        Assert.Equivalent(state.Events, read.Select(e => e.Data), strict: true);
        return state.Events;
    }
}
