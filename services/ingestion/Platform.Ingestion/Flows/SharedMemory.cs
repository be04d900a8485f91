namespace Platform.Ingestion.Flows;

/// <summary>
/// Bytes that all exporters together may make us remember: templates, data that waits for them, observation domains, sampling rates. Each exporter has limits of its own; this one holds when ten
/// thousand of them go to theirs at once. Threads may overshoot it by one thing each.
/// </summary>
internal sealed class SharedMemory(long most)
{
    private long _taken;

    public long Taken => Volatile.Read(ref _taken);

    public bool HasRoomFor(int bytes) => Taken + bytes <= most;

    public void Take(int bytes) => Interlocked.Add(ref _taken, bytes);

    public void Give(int bytes) => Interlocked.Add(ref _taken, -bytes);
}
