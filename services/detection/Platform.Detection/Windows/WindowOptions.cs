using System.ComponentModel.DataAnnotations;

namespace Platform.Detection.Windows;

/// <summary>How traffic windows are received and kept. Bound from the <c>Windows</c> section.</summary>
internal sealed class WindowOptions
{
    public const string Section = "Windows";

    /// <summary>
    /// Queues that <c>migrate</c> makes to share the protected objects; each is read by one process at a time. Those that are there are read, also when they
    /// are more. 1 to 256; default 4.
    /// </summary>
    [Range(1, WindowTopology.MostPartitions, ErrorMessage = "must be 1 to 256.")]
    public int Partitions { get; init; } = 4;

    /// <summary>Batches that a queue holds before it drops the oldest. 100 to 1000000; default 20000.</summary>
    [Range(100, 1_000_000, ErrorMessage = "must be 100 to 1000000.")]
    public int QueueLength { get; init; } = 20_000;

    /// <summary>Batches that the broker hands out ahead of their judgement. 1 to 10000; default 200.</summary>
    [Range(1, 10_000, ErrorMessage = "must be 1 to 10000.")]
    public ushort Prefetch { get; init; } = 200;

    /// <summary>
    /// Two to three of these without a sign of life, and the broker gives the partitions of a process to another one: so a node that vanished is replaced
    /// within five seconds. A process that ends is replaced at once. Whole seconds, 1 second to 1 minute; default 1 second.
    /// </summary>
    [Range(typeof(TimeSpan), "00:00:01", "00:01:00", ErrorMessage = "must be 00:00:01 to 00:01:00.")]
    public TimeSpan Heartbeat { get; init; } = TimeSpan.FromSeconds(1);

    /// <summary>
    /// How many seconds behind its newest one a host's increments are still added up; older ones are judged by themselves. 1 to 130; default 12.
    /// At least ingestion's reach and its sending interval together: a long flow is reported at its end, and spread over all of its seconds.
    /// </summary>
    [Range(1, 130, ErrorMessage = "must be 1 to 130.")]
    public int LatenessSeconds { get; init; } = 12;

    /// <summary>After how long without traffic a host is forgotten. 10 seconds to 1 hour; default 1 minute.</summary>
    [Range(typeof(TimeSpan), "00:00:10", "01:00:00", ErrorMessage = "must be 00:00:10 to 01:00:00.")]
    public TimeSpan ForgetAfter { get; init; } = TimeSpan.FromMinutes(1);

    /// <summary>Hosts that one partition keeps, and one object no more than are left; more are judged with their block and object only. 1000 to 10000000; default 500000.</summary>
    [Range(1_000, 10_000_000, ErrorMessage = "must be 1000 to 10000000.")]
    public int MaxHostsPerPartition { get; init; } = 500_000;
}
