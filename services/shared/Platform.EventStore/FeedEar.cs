using Npgsql;

namespace Platform.EventStore;

/// <summary>
/// Hears the bell for all readers of this process, on one connection that does nothing else: the readers' own need no waiting that ends in a time-out, which Npgsql
/// makes of exceptions. Open while there is a reader. A ring may be lost while the database is away; readers look by themselves after a while.
/// </summary>
internal sealed class FeedEar(NpgsqlDataSource database)
{
    private static readonly TimeSpan _pause = TimeSpan.FromSeconds(1);

    private readonly Lock _gate = new();
    private TaskCompletionSource _rung = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private Action? _stop;
    private int _readers;

    /// <summary>Ends with the next ring. Take it before looking for events, so that no ring falls in between.</summary>
    public Task Rung => Volatile.Read(ref _rung).Task;

    /// <summary>A reader begins. Its last word is <see cref="Leave"/>.</summary>
    public void Join()
    {
        lock (_gate)
        {
            if (++_readers == 1)
            {
                var stop = new CancellationTokenSource();
                _stop = stop.Cancel;
                _ = Hear(stop);
            }
        }
    }

    public void Leave()
    {
        lock (_gate)
        {
            if (--_readers == 0)
            {
                _stop!();
            }
        }
    }

    private async Task Hear(CancellationTokenSource stop)
    {
        using var ended = stop;
        var stopped = stop.Token;
        while (!stopped.IsCancellationRequested)
        {
            try
            {
                await using var connection = await database.OpenConnectionAsync(stopped);
                await connection.Execute("listen platform_events", stopped);
                Ring(); // what was appended before we listened
                while (true)
                {
                    await connection.WaitAsync(stopped);
                    Ring();
                }
            }
            catch (Exception e) when (e is NpgsqlException or InvalidOperationException or OperationCanceledException)
            {
                await Task.Delay(_pause, stopped).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            }
        }
    }

    private void Ring() => Interlocked.Exchange(ref _rung, new(TaskCreationOptions.RunContinuationsAsynchronously)).SetResult();
}
