namespace Platform.Detection.Anomalies;

/// <summary>How bad it is. Stored as numbers: never renumber.</summary>
internal enum Severity
{
    Low = 0,
    Medium = 1,
    High = 2,
    Critical = 3,
}

/// <summary>From how far over the threshold, and for how long: what lasts is worse than what passes.</summary>
internal static class Severities
{
    private static readonly TimeSpan Long = TimeSpan.FromMinutes(5);
    private static readonly TimeSpan VeryLong = TimeSpan.FromMinutes(30);

    /// <param name="excess">Times the threshold, from 1.</param>
    /// <param name="lasting">Since it was recognised.</param>
    public static Severity Of(double excess, TimeSpan lasting)
    {
        var far = excess switch
        {
            >= 20 => Severity.Critical,
            >= 5 => Severity.High,
            >= 2 => Severity.Medium,
            _ => Severity.Low,
        };
        var steps = (lasting >= Long ? 1 : 0) + (lasting >= VeryLong ? 1 : 0);
        return (Severity)Math.Min((int)Severity.Critical, (int)far + steps);
    }

    public static string Name(this Severity severity) => severity switch
    {
        Severity.Critical => "critical",
        Severity.High => "high",
        Severity.Medium => "medium",
        _ => "low",
    };
}
