using System.Globalization;
using Platform.Detection.Learning;
using Platform.EventStore;

namespace Platform.Detection.ProtectedObjects;

/// <summary>What a change of settings was. Stored as numbers: never renumber.</summary>
internal enum SettingsChangeKind
{
    /// <summary>Thresholds were set.</summary>
    Thresholds = 0,
    Profile = 1,
    Learning = 2,

    /// <summary>A past version is in force again.</summary>
    Restored = 3,

    /// <summary>Thresholds from a re-learning.</summary>
    Relearned = 4,

    /// <summary>Thresholds that an anomaly proposed which was none.</summary>
    Proposal = 5,

    /// <summary>Prefixes went from one object of the contract to another, or it has another name.</summary>
    Grouped = 6,

    /// <summary>What was learned is forgotten, and learning begins anew.</summary>
    Forgotten = 7,

    /// <summary>A floor that nothing needs any more was taken back, by the platform itself.</summary>
    Unneeded = 8,
}

/// <summary>Who changed the settings of an object, why, and what is different.</summary>
/// <param name="By">Operator (UUID text), or <see cref="Platform"/>.</param>
/// <param name="Reason">In their words; may be empty for thresholds.</param>
/// <param name="Differences">Everything that is different from the version before.</param>
/// <param name="Period">Of a re-learning: what was learned from.</param>
internal sealed record SettingsChange(string By, [property: Sealed] string Reason, IReadOnlyList<Difference> Differences, LearnedPeriod? Period = null)
{
    /// <summary>Nobody asked for it: the platform did it by itself.</summary>
    public const string Platform = "platform";
}

/// <param name="From">Start (UTC).</param>
/// <param name="Until">End, exclusive (UTC).</param>
internal sealed record LearnedPeriod(DateTimeOffset From, DateTimeOffset Until);

/// <param name="What">Path of the setting, for example <c>threshold/host/in/udp/bits</c>; of a floor out of an anomaly that was none with its hours and hosts, <c>floor/host/in/udp/bits/11-14/203.0.113.1/32</c>.</param>
/// <param name="Before">Null: there was none.</param>
/// <param name="After">Null: there is none any more.</param>
internal sealed record Difference(string What, string? Before, string? After)
{
    public const string OfPrefixes = "prefixes";

    /// <summary>What is different between two versions, by name; their own names are not part of it: they are sealed.</summary>
    public static IReadOnlyList<Difference> Between(ObjectContent? before, ObjectContent after)
    {
        var (old, now) = (before is null ? [] : Values(before), Values(after));
        return
        [
            .. from what in old.Keys.Union(now.Keys).Order(StringComparer.Ordinal)
               let pair = (Before: old.GetValueOrDefault(what), After: now.GetValueOrDefault(what))
               where pair.Before != pair.After
               select new Difference(what, pair.Before, pair.After),
        ];
    }

    private static Dictionary<string, string> Values(ObjectContent content)
    {
        var settings = content.Settings ?? new();
        var learning = settings.Learning ?? LearningSettings.Default;
        var values = new Dictionary<string, string>
        {
            [OfPrefixes] = string.Join(' ', content.Prefixes.Select(prefix => prefix.ToString()).Order(StringComparer.Ordinal)),
            ["declared/bits"] = Text(settings.DeclaredBitsPerSecond),
            ["profile"] = settings.Profile ?? "own",
            ["learning/mode"] = learning.Mode.ToString().ToLowerInvariant(),
            ["learning/margin"] = learning.Margin.ToString(CultureInfo.InvariantCulture),
            ["learning/floor-share"] = learning.FloorShare.ToString(CultureInfo.InvariantCulture),
            ["learning/zone"] = learning.Zone,
        };
        if (settings.LearnsSince is { } since)
        {
            values["learning/since"] = since.ToString("u", CultureInfo.InvariantCulture);
        }

        Add("threshold", content.Thresholds);
        Add("floor", settings.Floors ?? []);
        var calendar = HoursOfWeek.Find(learning.Zone) ?? HoursOfWeek.Japan;
        foreach (var marked in settings.Marked ?? [])
        {
            Add("floor", marked.Least, $"/{marked.For(calendar)}");
        }

        foreach (var own in content.Thresholds.Except(content.Guesses).Where(_ => settings.Profile is not null))
        {
            values[$"{Path("threshold", own)}/own"] = "yes";
        }

        return values;

        void Add(string kind, IReadOnlyList<Threshold> thresholds, string only = "")
        {
            foreach (var threshold in thresholds)
            {
                var path = Path(kind, threshold);
                foreach (var (unit, rate) in (IEnumerable<(string, long?)>)
                    [("bits", threshold.BitsPerSecond), ("packets", threshold.PacketsPerSecond), ("flows", threshold.FlowsPerSecond)])
                {
                    if (rate is { } set)
                    {
                        values[$"{path}/{unit}{only}"] = Text(set);
                    }
                }
            }
        }
    }

    private static string Path(string kind, Threshold threshold) =>
        $"{kind}/{threshold.Level.Name()}/{threshold.Direction.Name()}/{threshold.Vector.Name()}";

    private static string Text(long value) => value.ToString(CultureInfo.InvariantCulture);
}
