using Platform.EventStore;

namespace Platform.Mitigation.Bgp;

/// <summary>Into the stream of one speaker: that it is lost and returned, to whom it tells its routes, and what it had lost of them.</summary>
internal sealed class SpeakerRecord(StreamStore store, TimeProvider clock, ILogger log, string speaker)
{
    /// <summary>Somebody else who takes away what we put in does so each second: a record of each time would bury the stream.</summary>
    private static readonly TimeSpan DriftInterval = TimeSpan.FromMinutes(1);

    private const int NamedAtMost = 20;

    private readonly HashSet<Guid> _named = [];
    private DateTimeOffset _driftRecordedAt = DateTimeOffset.MinValue;
    private int _missing;
    private int _foreign;
    private IReadOnlyList<SpeakerSession>? _sessions;

    public Task Lost(CancellationToken cancellation)
    {
        Telemetry.Sessions(speaker, []); // nobody knows
        _sessions = null;
        return Note(new SpeakerLost(speaker, clock.GetUtcNow()), cancellation);
    }

    public Task Returned(CancellationToken cancellation) => Note(new SpeakerReturned(speaker, clock.GetUtcNow()), cancellation);

    /// <summary>A difference that no decision made: at once when it is the first for a minute, else the sum of it a minute after the one before.</summary>
    /// <param name="lost">Whose routes had been read back and were gone.</param>
    /// <param name="foreign">How many routes had our mark that nobody wanted.</param>
    /// <param name="wasAway">Whether the speaker had not answered before.</param>
    /// <param name="cancellation">Stops the wait.</param>
    public async Task Drifted(IReadOnlyCollection<Guid> lost, int foreign, bool wasAway, CancellationToken cancellation)
    {
        if (lost.Count + foreign > 0)
        {
            Telemetry.Drifted(speaker, lost.Count + foreign);
            _missing += lost.Count;
            _foreign += foreign;
            _named.UnionWith(lost.Take(NamedAtMost - _named.Count));
        }

        var now = clock.GetUtcNow();
        if (_missing + _foreign > 0 && now - _driftRecordedAt >= DriftInterval)
        {
            log.DriftMended(speaker, _missing, _foreign, wasAway);
            await Note(new SpeakerDriftMended(speaker, _missing, _foreign, now, [.. _named]), cancellation);
            (_missing, _foreign, _driftRecordedAt) = (0, 0, now);
            _named.Clear();
        }
    }

    /// <summary>Each session that came or went since they were looked at last.</summary>
    public async Task Sees(IReadOnlyList<SpeakerSession> sessions, CancellationToken cancellation)
    {
        Telemetry.Sessions(speaker, sessions);
        if (_sessions is null && sessions.Count == 0)
        {
            log.NoNeighbours(speaker);
        }

        foreach (var session in sessions)
        {
            // At first only what is down is news: that all is well needs no record at each start.
            var before = _sessions is null || _sessions.Any(it => it.Neighbour == session.Neighbour && it.IsEstablished);
            if (session.IsEstablished != before)
            {
                log.SessionChanged(speaker, session.Neighbour, session.IsEstablished);
                await Note(new SpeakerSessionChanged(speaker, session.Neighbour, session.IsEstablished, clock.GetUtcNow()), cancellation);
            }
        }

        _sessions = sessions;
    }

    private Task<AppendResult> Note(SpeakerEvent happened, CancellationToken cancellation)
    {
        var now = clock.GetUtcNow();
        return store.Tenant(TenantId.Provider).Append(
            SpeakerState.Stream,
            SpeakerState.KeyOf(speaker, now),
            ExpectedVersion.Any,
            [happened],
            new Cause($"reconciler:{happened}:{now.UtcTicks}"),
            cancellation);
    }
}
