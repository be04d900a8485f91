using System.Diagnostics.Metrics;

namespace Platform.Scrubber;

/// <summary>Every instrument of the agent.</summary>
internal static class Telemetry
{
    private static readonly Meter Meter = new("Platform.Scrubber");

    private static readonly Counter<long> Transactions = Meter.CreateCounter<long>(
        "platform.scrubber.transactions", "{transaction}", "Changes of the kernel's table, by outcome.");

    private static readonly Counter<long> Away = Meter.CreateCounter<long>(
        "platform.scrubber.controller.away", "{attempt}", "Attempts that the controller did not answer.");

    public static void Changed(string outcome) => Transactions.Add(1, new KeyValuePair<string, object?>("outcome", outcome));

    public static void ControllerAway() => Away.Add(1);
}
