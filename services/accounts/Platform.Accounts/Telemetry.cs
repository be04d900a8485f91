using System.Diagnostics.Metrics;

namespace Platform.Accounts;

internal static class Telemetry
{
    private static readonly Meter Meter = new("Platform.Accounts");

    public static readonly Counter<long> SignIns = Meter.CreateCounter<long>(
        "platform.accounts.sign_ins", "{attempt}", "Attempts to sign in, by result.");
}
