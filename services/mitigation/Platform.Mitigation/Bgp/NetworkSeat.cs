using Npgsql;
using Platform.Mitigation.Mitigations;

namespace Platform.Mitigation.Bgp;

/// <summary>
/// One replica at a time works on the network. A seat is an advisory lock of a database connection; the same connection listens for changes
/// of what the network shall hold, so who cannot hear cannot act.
/// </summary>
/// <remarks>Whether the views tell all, each work asks itself (<see cref="CurrentViews"/>): the kill switch must not wait for them.</remarks>
internal sealed class NetworkSeat(NpgsqlDataSource database, ILogger<NetworkSeat> log)
{
    /// <summary>Who makes the speakers hold what they shall.</summary>
    public const long Speakers = 0x6D69_7469_0000_0002; // "miti" 2

    /// <summary>Who measures what it does.</summary>
    public const long Effects = 0x6D69_7469_0000_0003; // "miti" 3

    /// <summary>Who keeps standing what was ordered to stand always.</summary>
    public const long AlwaysOn = 0x6D69_7469_0000_0005; // "miti" 5

    private static readonly TimeSpan RetryInterval = TimeSpan.FromSeconds(1);

    /// <summary>Waits for the seat, works while it is held, and begins again when it is lost.</summary>
    public async Task Hold(long seat, Func<ChangeSignal, CancellationToken, Task> work, CancellationToken stopping)
    {
        while (!stopping.IsCancellationRequested)
        {
            try
            {
                await HoldOnce(seat, work, stopping);
            }
            catch (Exception lost) when (!stopping.IsCancellationRequested)
            {
                // Whatever it was: a service that ends over it would take the defence of everybody with it, in each replica.
                log.ReconcilerWaits(lost);
            }

            await Task.Delay(RetryInterval, stopping);
        }
    }

    private async Task HoldOnce(long seat, Func<ChangeSignal, CancellationToken, Task> work, CancellationToken stopping)
    {
        await using var connection = await database.OpenConnectionAsync(stopping);
        try
        {
            await Sit(connection, seat, work, stopping);
        }
        finally
        {
            await Leave(connection);
        }
    }

    private static async Task Sit(
        NpgsqlConnection connection, long seat, Func<ChangeSignal, CancellationToken, Task> work, CancellationToken stopping)
    {
        // Whose machine vanished must not keep the seat for the two hours of the system's default.
        await using (var probe = new NpgsqlCommand(
            "set tcp_keepalives_idle = 5; set tcp_keepalives_interval = 2; set tcp_keepalives_count = 3", connection))
        {
            await probe.ExecuteNonQueryAsync(stopping);
        }

        await using (var sit = new NpgsqlCommand($"select pg_try_advisory_lock({seat})", connection))
        {
            if (await sit.ExecuteScalarAsync(stopping) is not true)
            {
                return; // another replica works
            }
        }

        var changes = new ChangeSignal();
        connection.Notification += (_, _) => changes.Raise();
        await using (var listen = new NpgsqlCommand($"listen {KnownMitigations.Channel}", connection))
        {
            await listen.ExecuteNonQueryAsync(stopping);
        }

        using var seated = CancellationTokenSource.CreateLinkedTokenSource(stopping);
        var working = work(changes, seated.Token);
        try
        {
            while (!working.IsCompleted)
            {
                await connection.WaitAsync(RetryInterval, stopping); // throws when the connection, and with it the seat, is lost
            }
        }
        finally
        {
            await seated.CancelAsync();
            await working.ContinueWith(_ => { }, CancellationToken.None, TaskContinuationOptions.None, TaskScheduler.Default);
        }

        await working; // it ends by itself only by a fault: let it be seen
    }

    /// <summary>The pool does not reset connections: whoever gets this one next must find neither our settings, our lock nor our subscription.</summary>
    private static async Task Leave(NpgsqlConnection connection)
    {
        try
        {
            await using var leave = new NpgsqlCommand("reset all; unlisten *; select pg_advisory_unlock_all()", connection);
            await leave.ExecuteNonQueryAsync(CancellationToken.None);
        }
        catch (Exception gone) when (gone is NpgsqlException or InvalidOperationException)
        {
            // The connection is lost, and lock and subscription with it.
        }
    }
}

/// <summary>Tells any number of waiters that something changed since they asked.</summary>
internal sealed class ChangeSignal
{
    private TaskCompletionSource _next = new(TaskCreationOptions.RunContinuationsAsynchronously);

    /// <summary>Completes at the first change from now on.</summary>
    public Task Next() => Volatile.Read(ref _next).Task;

    public void Raise() =>
        Interlocked.Exchange(ref _next, new(TaskCreationOptions.RunContinuationsAsynchronously)).SetResult();
}
