using System.Runtime.InteropServices;

namespace Platform.Ingestion.Tests.Flows;

/// <summary>What the calling thread has used of a processor: unlike time, the same on a loaded machine. Linux.</summary>
internal static partial class ThreadTime
{
    private const int ThreadClock = 3;

    /// <summary>The most that a datagram may cost to read: a hundred times what an ordinary one of its length does.</summary>
    public static TimeSpan MostFor(int bytes) => TimeSpan.FromMilliseconds(10 + bytes / 2000.0);

    public static TimeSpan Used()
    {
        _ = clock_gettime(ThreadClock, out var time);
        return TimeSpan.FromSeconds(time.Seconds) + TimeSpan.FromMicroseconds(time.Nanoseconds / 1000.0);
    }

    [LibraryImport("libc")]
    [DefaultDllImportSearchPaths(DllImportSearchPath.System32)]
    private static partial int clock_gettime(int clock, out Time time);

    private struct Time
    {
        public long Seconds;
        public long Nanoseconds;
    }
}
