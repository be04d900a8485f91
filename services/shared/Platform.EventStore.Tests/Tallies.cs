using System.Net;

namespace Platform.EventStore.Tests;

public abstract record TallyEvent;

public sealed record TallyOpened(string Title, IPNetwork Prefix, TallyKind Kind, DateTimeOffset OpenedAt) : TallyEvent;

public sealed record TallyCounted(int By) : TallyEvent;

public sealed record TallyClosed(IPAddress From) : TallyEvent;

public enum TallyKind
{
    Plain,
    Weighted,
}

public sealed record TallyState(int Total, int Events)
{
    public static readonly StreamType<TallyState, TallyEvent> Stream = new("tally", new TallyState(0, 0), Evolve);

    private static TallyState Evolve(TallyState current, TallyEvent happened) => happened switch
    {
        TallyCounted e => new(current.Total + e.By, current.Events + 1),
        _ => current with { Events = current.Events + 1 },
    };
}

public abstract record PersonEvent;

public sealed record PersonRegistered(
    [property: SealScope] string ServiceCode,
    Guid PersonId,
    [property: Sealed] string Name,
    [property: Sealed] IReadOnlyList<string> Addresses,
    [property: Sealed] string? Note) : PersonEvent;

public sealed record PersonNoted([property: Sealed] string Text) : PersonEvent;

public sealed record PersonMoved([property: SealScope] string ServiceCode, PersonPlace? To) : PersonEvent;

public sealed record PersonPlace([property: Sealed] string Name);

public sealed record PersonState(IReadOnlyList<PersonEvent> Events)
{
    public static readonly StreamType<PersonState, PersonEvent> Stream =
        new("person", new PersonState([]), (state, happened) => new PersonState([.. state.Events, happened]));
}

/// <summary>View of all tallies; a count of 666 cannot be applied.</summary>
/// <param name="at">The first time that this tally comes, something happens between the reading of its event and the writing of its row.</param>
/// <param name="happens">What.</param>
public sealed class Tallies(string? at = null, Func<Task>? happens = null) : IProjection
{
    private bool _hasHappened;

    public string Name => "tallies_v1";

    public void Project(RecordedEvent recorded, SqlBatch sql)
    {
        if (recorded.StreamType != TallyState.Stream.Name)
        {
            return;
        }

        if (happens is not null && recorded.StreamKey == at && !_hasHappened)
        {
            _hasHappened = true;
            happens().GetAwaiter().GetResult();
        }

        var by = (recorded.Data as TallyCounted)?.By ?? 0;
        if (by == 666)
        {
            throw new InvalidOperationException("666 is not a count.");
        }

        sql.Add($"""
            insert into views.tallies_v1 as tally (tenant_id, tally, total, events) values ({recorded.TenantId}, {recorded.StreamKey}, {by}, 1)
            on conflict (tenant_id, tally) do update set total = tally.total + {by}, events = tally.events + 1
            """);
    }
}

/// <summary>What an owner of data does: erases the stream, then deletes its row.</summary>
internal static class AnEraser
{
    public static async Task Erases(AStore store, string tally)
    {
        var erasure = new Erasure(Guid.CreateVersion7(TimeProvider.System.GetUtcNow()), [TallyState.Stream.For(tally)], []);
        await store.Store.Tenant(AStore.Acme).Erase(erasure, TestContext.Current.CancellationToken);
        await store.Execute($"delete from views.tallies_v1 where tally = '{tally}'");
    }
}
