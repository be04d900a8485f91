using System.Globalization;
using Npgsql;
using Platform.Mitigation.DefensePolicies;
using Platform.Mitigation.KillSwitches;

namespace Platform.Mitigation.Mitigations;

/// <summary>
/// Whether the views that decide about the network tell all that is decided. One that is built anew begins empty, and empty would mean: withdraw
/// everything, no kill switch, no dry run. Whoever reads them asks in the same statement where they stand; behind what was seen before, nothing
/// is concluded from them.
/// </summary>
internal sealed class CurrentViews(NpgsqlDataSource database, KnownMitigations mitigations, KillSwitchPosition killSwitch, KnownPolicies policies)
{
    /// <summary>For what is in the network. Without policies: one that cannot be read must not keep the kill switch from its work.</summary>
    public ViewGate Network { get; } = new(database, mitigations.Name, killSwitch.Name);

    /// <summary>For what shall come into it.</summary>
    public ViewGate Decisions { get; } = new(database, mitigations.Name, killSwitch.Name, policies.Name);

    /// <summary>Countermeasures that are over, as their streams say while the views do not move; none while they do.</summary>
    public IReadOnlySet<Guid> Over { get; set; } = new HashSet<Guid>();
}

/// <summary>Some views that are read together.</summary>
internal sealed class ViewGate(NpgsqlDataSource database, params string[] views)
{
    private const string Head = "(select coalesce(max(seq_id), 0) from events.mt_events)";

    private long _seen = -1;
    private long _headBefore;

    /// <summary>Event up to which all of them stand: an expression for the select list of whoever reads them.</summary>
    public string Position { get; } = $"""
        (select coalesce(min(coalesce(it.position, 0)), 0)
            from unnest(array['{string.Join("', '", views)}']) as view left join platform.checkpoints it on it.name = view)
        """;

    /// <summary>Asked before the reading: where they must stand at least. Who has just started waits until they have everything that was stored by then.</summary>
    /// <param name="cancellation">Ends the waiting.</param>
    /// <param name="isNeedless">Asked in each turn of the waiting: whether wherever they stand will do. Then the answer is -1.</param>
    public async ValueTask<long> Floor(CancellationToken cancellation, Func<CancellationToken, Task<bool>>? isNeedless = null)
    {
        if (Interlocked.Read(ref _seen) is >= 0 and var seen)
        {
            return seen;
        }

        var head = await Ask(Head, cancellation);
        for (var pause = 2; await Ask(Position, cancellation) < head; pause = Math.Min(2 * pause, 100))
        {
            if (isNeedless is not null && await isNeedless(cancellation))
            {
                return -1;
            }

            await Task.Delay(pause, cancellation);
        }

        Raise(head);
        return head;
    }

    /// <summary>Asked after the reading.</summary>
    /// <exception cref="ViewBehindException">They stand behind it: what was read says nothing.</exception>
    public void Admit(long position, long floor)
    {
        if (position < floor)
        {
            throw new ViewBehindException(position, floor);
        }

        Raise(position);
    }

    /// <summary>For the one who looks after them, again and again.</summary>
    /// <returns>
    /// Where they stand; whether they cannot be asked now, because nobody here has seen them whole yet, or they are being built anew; and whether they have not
    /// passed what was stored at the last look.
    /// </returns>
    public async Task<(long Position, bool IsSilent, bool StandsStill)> Look(CancellationToken cancellation)
    {
        var position = await Ask(Position, cancellation);
        var (seen, before) = (Interlocked.Read(ref _seen), _headBefore);
        _headBefore = await Ask(Head, cancellation);
        return (position, seen < 0 || position < seen, position < before);
    }

    /// <summary>For work that reads them in several statements.</summary>
    /// <exception cref="ViewBehindException">They are being built anew.</exception>
    public async Task Ensure(CancellationToken cancellation)
    {
        var floor = await Floor(cancellation);
        Admit(await Ask(Position, cancellation), floor);
    }

    private async Task<long> Ask(string what, CancellationToken cancellation)
    {
        await using var command = database.CreateCommand($"select {what}");
        return Convert.ToInt64(await command.ExecuteScalarAsync(cancellation), CultureInfo.InvariantCulture);
    }

    /// <summary>Somebody saw them stand there. Who has not asked yet still waits for all that is stored.</summary>
    public void Note(long position)
    {
        if (Interlocked.Read(ref _seen) >= 0)
        {
            Raise(position);
        }
    }

    private void Raise(long position)
    {
        var seen = Interlocked.Read(ref _seen);
        while (position > seen && Interlocked.CompareExchange(ref _seen, position, seen) is var now && now != seen)
        {
            seen = now;
        }
    }
}

/// <summary>The database does not say now what is decided; to everybody the same as when it is away: wait, change nothing, look again.</summary>
internal sealed class ViewBehindException(long position, long floor) : NpgsqlException(
    string.Create(CultureInfo.InvariantCulture, $"The views stand at event {position} and stood at {floor}: they are being built anew."))
{
    public override bool IsTransient => true;
}
