using Microsoft.Extensions.Logging;
using Npgsql;

namespace Platform.EventStore;

/// <summary>Keeps one view current: reads the feed and commits rows and checkpoint together. Run one per projection in every replica.</summary>
/// <remarks>
/// One replica works at a time, elected by an advisory lock; when it goes, another takes over within a second or two. Lost
/// connections and restarts of the database are waited out. An event that cannot be applied is never skipped: the runner stops.
/// </remarks>
public sealed partial class ProjectionRunner(StreamStore store, IProjection projection, ILogger<ProjectionRunner> log)
{
    private static readonly TimeSpan _pause = TimeSpan.FromSeconds(1);
    private readonly EventFeed _feed = new(store);

    /// <summary>Name of the projection.</summary>
    public string Name => projection.Name;

    /// <summary>Why the runner stopped; null while it runs. For the health report and the alert.</summary>
    public ProjectionFailure? Failure { get; private set; }

    /// <summary>Waits until the view shows everything that is stored now.</summary>
    public Task CatchUp(CancellationToken cancellationToken) => _feed.CatchUp(projection.Name, cancellationToken);

    /// <summary>Waits until the view shows this event, for example the one just appended (<see cref="AppendResult.Sequence"/>).</summary>
    public Task WaitUntil(long sequence, CancellationToken cancellationToken) =>
        _feed.WaitUntil(projection.Name, sequence, cancellationToken);

    /// <summary>Works until it is cancelled, or until an event cannot be applied: then <see cref="Failure"/> says which.</summary>
    public async Task Run(CancellationToken cancellationToken)
    {
        Telemetry.Runs(projection.Name);
        while (Failure is null && !cancellationToken.IsCancellationRequested) // a disposed database throws something else than a cancellation
        {
            try
            {
                await foreach (var batch in _feed.Follow(projection.Name, cancellationToken))
                {
                    await Apply(batch, InPlace, cancellationToken);
                }
            }
            catch (OperationCanceledException) when (cancellationToken.IsCancellationRequested)
            {
                return;
            }
            catch (Exception e) when (e is UnappliedEventException or UnreadableEventException)
            {
                var sequence = e is UnappliedEventException unapplied ? unapplied.Sequence : ((UnreadableEventException)e).Sequence;
                Failure = new(projection.Name, sequence, e.Message);
                Telemetry.Stopped(projection.Name);
                Log.ProjectionStopped(log, projection.Name, sequence, e);
            }
            catch (Exception e)
            {
                Log.ProjectionInterrupted(log, projection.Name, e);
                await Task.Delay(_pause, cancellationToken).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            }
        }
    }

    private static string InPlace(string statement) => statement;

    private async Task Apply(FeedBatch batch, Func<string, string> place, CancellationToken cancellationToken)
    {
        try
        {
            await Commit(batch, place, batch.Events, batch.From, batch.To, cancellationToken);
        }
        catch (UnappliedEventException)
        {
            // One by one up to the event that does not go, so that the view is right to the last event before it.
            var from = batch.From;
            foreach (var recorded in batch.Events)
            {
                await Commit(batch, place, [recorded], from, recorded.Sequence, cancellationToken);
                from = recorded.Sequence;
            }

            await Commit(batch, place, [], from, batch.To, cancellationToken);
        }
    }

    private async Task Commit(
        FeedBatch batch, Func<string, string> place, IReadOnlyList<RecordedEvent> events, long from, long to, CancellationToken cancellationToken)
    {
        // The checkpoint goes first: whoever else moves it, such as a rebuild that switches, is met before any row is touched.
        await using var statements = new NpgsqlBatch(batch.Connection) { BatchCommands = { batch.AdvancingRows(from, to) } };
        var sql = new SqlBatch(statements, place);
        var current = events.Count > 0 ? events[0] : null;
        try
        {
            foreach (var recorded in events)
            {
                current = recorded;
                projection.Project(recorded, sql);
            }

            await statements.PrepareAsync(cancellationToken);
            await statements.ExecuteNonQueryAsync(cancellationToken);
        }
        catch (Exception e) when (current is not null && !IsPassing(e))
        {
            throw new UnappliedEventException(
                current.Sequence, $"{projection.Name} cannot apply event {current.Sequence}, {current.Data.GetType().Name}.", e);
        }
    }

    /// <summary>Whether the same work can succeed later without a repair.</summary>
    private static bool IsPassing(Exception e) => e switch
    {
        OperationCanceledException => true,
        PostgresException error => error.IsTransient || error.SqlState.StartsWith("57", StringComparison.Ordinal),
        NpgsqlException or IOException or TimeoutException or ObjectDisposedException => true,
        _ => false,
    };
}

/// <summary>An event that a projection could not apply; it waits there until someone repairs the projection.</summary>
/// <param name="Projection">Name of the projection.</param>
/// <param name="Sequence">Position of the event.</param>
/// <param name="Reason">What went wrong.</param>
public sealed record ProjectionFailure(string Projection, long Sequence, string Reason);

/// <summary>A projection threw on an event, or the database refused its statements.</summary>
public sealed class UnappliedEventException(long sequence, string message, Exception inner) : Exception(message, inner)
{
    /// <summary>Position of the event.</summary>
    public long Sequence { get; } = sequence;
}

internal static partial class Log
{
    [LoggerMessage(Level = LogLevel.Error, Message = "Projection {Projection} stopped: it cannot apply event {Sequence}.")]
    public static partial void ProjectionStopped(ILogger logger, string projection, long sequence, Exception reason);

    [LoggerMessage(Level = LogLevel.Information, Message = "The rebuild of {Projection} begins again: something was erased meanwhile.")]
    public static partial void RebuildBeginsAgain(ILogger logger, string projection);

    [LoggerMessage(Level = LogLevel.Warning, Message = "Projection {Projection} was interrupted and begins again.")]
    public static partial void ProjectionInterrupted(ILogger logger, string projection, Exception reason);
}
