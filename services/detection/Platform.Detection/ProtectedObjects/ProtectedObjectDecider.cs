using System.Net;
using Platform.Detection.Learning;
using Platform.EventStore;
using static Platform.Detection.ProtectedObjects.ProtectedObjectRejections;

namespace Platform.Detection.ProtectedObjects;

/// <summary>The contract is in force with this content: its objects follow.</summary>
internal sealed record FollowContract(
    Guid ContractId,
    string ServiceCode,
    IReadOnlyList<IPNetwork> Prefixes,
    long DeclaredBitsPerSecond,
    long ContractVersion,
    DateTimeOffset At);

/// <summary>The contract ended: none of its objects is watched any more.</summary>
/// <param name="ObjectId">The object <c>default</c>.</param>
internal sealed record RetireObjects(Guid ObjectId, string ServiceCode, DateTimeOffset At);

/// <param name="ObjectId">The object.</param>
/// <param name="Thresholds">All thresholds of hosts from now on.</param>
/// <param name="ExpectedVersion">Version that the caller saw; null: whatever it is.</param>
/// <param name="At">Now (UTC).</param>
/// <param name="Wider">All thresholds of other levels and directions from now on; null: they stay.</param>
/// <param name="By">Operator (UUID text).</param>
/// <param name="Reason">Why, 1 to 200 characters.</param>
internal sealed record ChangeThresholds(
    Guid ObjectId,
    IReadOnlyList<Threshold> Thresholds,
    long? ExpectedVersion,
    DateTimeOffset At,
    IReadOnlyList<Threshold>? Wider = null,
    string By = "",
    string Reason = "");

/// <summary>Thresholds of a profile from now on, from the declared bandwidth.</summary>
internal sealed record ChooseProfile(Guid ObjectId, string Profile, long? ExpectedVersion, string By, string Reason, DateTimeOffset At);

/// <summary>Thresholds are learned in this way from now on.</summary>
/// <param name="Floors">All floors from now on; null: they stay, also those that are marked.</param>
/// <param name="KeptMarks">With floors: the anomalies whose marked floors stay; null: none do.</param>
internal sealed record ChangeLearning(
    Guid ObjectId,
    LearningSettings Learning,
    long? ExpectedVersion,
    string By,
    string Reason,
    DateTimeOffset At,
    IReadOnlyList<Threshold>? Floors = null,
    IReadOnlyList<Guid>? KeptMarks = null);

/// <summary>Learning begins anew, as if nothing had been seen: what was seen was an attack. Thresholds stay.</summary>
internal sealed record ForgetLearned(Guid ObjectId, long? ExpectedVersion, string By, string Reason, DateTimeOffset At);

/// <summary>
/// What was set in a past version is in force again, as the next version, with name and prefixes where they were chosen. Declared bandwidth stays, what
/// was forgotten stays so, and so do the prefixes of the object <c>default</c>: they are the contract's. Prefixes that the contract lost since are left out.
/// </summary>
internal sealed record RestoreVersion(Guid ObjectId, long Version, long? ExpectedVersion, string By, string Reason, DateTimeOffset At);

/// <summary>What an anomaly that was none had is at least allowed from now on, to whom had it and at its hours.</summary>
/// <param name="Mark">Since when it is in force says <paramref name="At"/>.</param>
internal sealed record RaiseThresholds(
    Guid ObjectId, MarkedFloor Mark, long? ExpectedVersion, string By, string Reason, DateTimeOffset At);

/// <summary>A floor out of an anomaly that was none is not needed any more.</summary>
/// <param name="Mark">As it was when that was found: one that was set anew since stays.</param>
/// <param name="Reason">Why not.</param>
internal sealed record EndFloor(Guid ObjectId, MarkedFloor Mark, string Reason, DateTimeOffset At);

/// <summary>The thresholds that a re-learning of a period proposed are in force from now on.</summary>
/// <param name="Thresholds">All thresholds from now on, as the report has them.</param>
/// <param name="Period">What was learned from.</param>
internal sealed record ApplyRelearning(
    Guid ObjectId, IReadOnlyList<Threshold> Thresholds, LearnedPeriod Period, long? ExpectedVersion, string By, string Reason, DateTimeOffset At);

/// <summary>The rules of protected objects. Facts about contracts come in any order: the highest contract version counts, an end is final.</summary>
internal static partial class ProtectedObjectDecider
{
    public const string DefaultName = "default";
    private const int MostReason = 200;

    public static Decision<ProtectedObjectEvent> Decide(ProtectedObjectState current, FollowContract command)
    {
        if (current.IsRetired || command.ContractVersion <= current.ContractVersion)
        {
            return Decision<ProtectedObjectEvent>.Unchanged;
        }

        if (current.DefaultId is not { } defaultId)
        {
            var added = new ObjectContent(
                command.ContractId,
                command.ServiceCode,
                DefaultName,
                command.Prefixes,
                Threshold.DefaultsFor(command.DeclaredBitsPerSecond),
                Version: 1,
                new ObjectSettings(command.DeclaredBitsPerSecond, ThresholdProfiles.Generic));
            return new ProtectedObjectAdded(added, command.ContractVersion, command.At);
        }

        var named = current.Named.Select(content => (Before: content, After: Followed(
            content, command, [.. content.Prefixes.Where(prefix => IsWithin(prefix, command.Prefixes))]))).ToArray();
        var whole = named.Length == 0 ? null : command.Prefixes;

        // Of `default` also when its prefixes stay: the contract version must be remembered, or an older fact would still be followed later.
        ProtectedObjectEvent[] followed =
        [
            new ContractFollowed(
                Followed(current.Objects[defaultId], command, Rest(command.Prefixes, named.Select(one => one.After))),
                command.ContractVersion,
                command.At,
                whole),
            .. from one in named
               where Difference.Between(one.Before, one.After).Count > 0
               select new ContractFollowed(one.After, command.ContractVersion, command.At, whole),
        ];
        return followed;
    }

    public static Decision<ProtectedObjectEvent> Decide(ProtectedObjectState current, RetireObjects command)
    {
        if (current.IsRetired)
        {
            return Decision<ProtectedObjectEvent>.Unchanged;
        }

        ProtectedObjectEvent[] retired =
        [
            .. current.Named.Select(content => new ProtectedObjectRetired(content.ObjectId, command.ServiceCode, command.At)),
            new ProtectedObjectRetired(command.ObjectId, command.ServiceCode, command.At),
        ];
        return retired;
    }

    public static Decision<ProtectedObjectEvent> Decide(ProtectedObjectState current, ChangeThresholds command) => Change(
        current,
        command.ObjectId,
        command.ExpectedVersion,
        content =>
        {
            IReadOnlyList<Threshold> thresholds =
                [.. command.Thresholds, .. command.Wider ?? [.. content.Thresholds.Where(threshold => !threshold.IsOfHosts)]];
            return Fault(thresholds) is { } fault ? ThresholdsInvalid(fault) : content.With(thresholds);
        },
        (SettingsChangeKind.Thresholds, command.By, command.Reason, command.At));

    public static Decision<ProtectedObjectEvent> Decide(ProtectedObjectState current, ChooseProfile command) => Change(
        current,
        command.ObjectId,
        command.ExpectedVersion,
        content => ThresholdProfiles.Of(command.Profile, content.SettingsOrDefault.DeclaredBitsPerSecond) is not { } thresholds
            ? ProfileUnknown(command.Profile)
            : (content with { Thresholds = thresholds, Settings = content.SettingsOrDefault with { Profile = command.Profile } }).GuessedAnew(),
        (SettingsChangeKind.Profile, command.By, command.Reason, command.At));

    public static Decision<ProtectedObjectEvent> Decide(ProtectedObjectState current, ChangeLearning command) => Change(
        current,
        command.ObjectId,
        command.ExpectedVersion,
        content => command.Learning.Fault() is { } fault ? LearningInvalid(fault)
            : command.Floors is { Count: > 0 } && Fault(command.Floors) is { } wrong ? ThresholdsInvalid(wrong)
            : WithFloors(content with { Settings = content.SettingsOrDefault with { Learning = command.Learning } }, command.Floors, command.KeptMarks ?? []),
        (SettingsChangeKind.Learning, command.By, command.Reason, command.At));

    public static Decision<ProtectedObjectEvent> Decide(ProtectedObjectState current, ForgetLearned command) => Change(
        current,
        command.ObjectId,
        command.ExpectedVersion,
        content => content with { Settings = content.SettingsOrDefault with { LearnsSince = command.At } },
        (SettingsChangeKind.Forgotten, command.By, command.Reason, command.At));

    public static Decision<ProtectedObjectEvent> Decide(ProtectedObjectState current, ApplyRelearning command) => Change(
        current,
        command.ObjectId,
        command.ExpectedVersion,
        content => Fault(command.Thresholds) is { } fault
            ? ThresholdsInvalid(fault)
            : content.With(command.Thresholds), // what a profile guessed and the period leaves is a guess still
        (SettingsChangeKind.Relearned, command.By, command.Reason, command.At),
        command.Period);

    public static Decision<ProtectedObjectEvent> Decide(ProtectedObjectState current, RestoreVersion command) => Change(
        current,
        command.ObjectId,
        command.ExpectedVersion,
        content => !current.Versions.TryGetValue((content.ObjectId, command.Version), out var past)
            ? VersionUnknown(command.Version)
            : (content with
            {
                Name = past.Name,
                Prefixes = content.ObjectId == current.DefaultId ? content.Prefixes : StillOfContract(current, past, content),
                Thresholds = past.Thresholds,
                Settings = past.SettingsOrDefault with
                {
                    DeclaredBitsPerSecond = content.SettingsOrDefault.DeclaredBitsPerSecond,
                    LearnsSince = content.SettingsOrDefault.LearnsSince,
                    Marked = Anew(past.SettingsOrDefault.Marked, content.SettingsOrDefault.Marked ?? [], command.At),
                },
            }).GuessedAnew(),
        (SettingsChangeKind.Restored, command.By, command.Reason, command.At));

    public static Decision<ProtectedObjectEvent> Decide(ProtectedObjectState current, RaiseThresholds command) => Change(
        current,
        command.ObjectId,
        command.ExpectedVersion,
        content =>
        {
            var (settings, calendar) = (content.SettingsOrDefault, CalendarOf(content));
            var (known, its) = (settings.Marked ?? [], command.Mark with { Since = command.At });
            var same = known.FirstOrDefault(mark => mark.For(calendar) == its.For(calendar));
            if (same is not null)
            {
                its = its with
                {
                    Least = [.. same.Least.Concat(its.Least).GroupBy(floor => floor.Key).Select(one => one.Aggregate((left, right) => left.AtLeast([right], also: true)))],
                };
            }

            IReadOnlyList<MarkedFloor> all = [.. known.Where(mark => mark != same), its];
            return all.Count > MarkedFloor.Most ? TooManyFloors : content with { Settings = settings with { Marked = all } };
        },
        (SettingsChangeKind.Proposal, command.By, command.Reason, command.At));

    public static Decision<ProtectedObjectEvent> Decide(ProtectedObjectState current, EndFloor command)
    {
        return current.IsRetired || current.Retired.Contains(command.ObjectId) || command.At - command.Mark.Since < MarkedFloor.EndsAfter
        || !current.Objects.TryGetValue(command.ObjectId, out var known) || !Has(known)
            ? Decision<ProtectedObjectEvent>.Unchanged
            : Change(
                current,
                command.ObjectId,
                expectedVersion: null,
                content => content.WithMarks(mark => !IsThis(mark)),
                (SettingsChangeKind.Unneeded, SettingsChange.Platform, command.Reason, command.At));

        bool Has(ObjectContent content) => content.SettingsOrDefault.Marked?.Any(IsThis) == true;

        bool IsThis(MarkedFloor mark) => mark.AnomalyId == command.Mark.AnomalyId && mark.Since == command.Mark.Since;
    }

    /// <summary>The next version, unless nothing is different or something forbids it. Nothing changes without a reason.</summary>
    private static Decision<ProtectedObjectEvent> Change(
        ProtectedObjectState current,
        Guid objectId,
        long? expectedVersion,
        Func<ObjectContent, Changed> change,
        (SettingsChangeKind Kind, string By, string Reason, DateTimeOffset At) note,
        LearnedPeriod? period = null)
    {
        if (!IsReason(note.Reason))
        {
            return ReasonInvalid;
        }

        if (!current.Objects.TryGetValue(objectId, out var content))
        {
            return Unknown(objectId);
        }

        if (current.IsRetired || current.Retired.Contains(objectId))
        {
            return Retired(objectId);
        }

        var (changed, refusal) = change(content);
        if (refusal is not null)
        {
            return refusal;
        }

        if (expectedVersion is { } expected && expected != content.Version)
        {
            return ChangedMeanwhile(expected, content.Version);
        }

        var differences = Difference.Between(content, changed!);
        var isRegrouped = changed!.Name != content.Name || differences.Any(difference => difference.What == Difference.OfPrefixes);
        if (differences.Count == 0 && !isRegrouped)
        {
            return Decision<ProtectedObjectEvent>.Unchanged;
        }

        if (isRegrouped && Fault(current, changed) is { } fault)
        {
            return fault;
        }

        changed = changed with { Version = content.Version + 1 };
        return Regrouped(
            current,
            changed,
            new ThresholdsChanged(changed, note.At, note.Kind, new SettingsChange(note.By, note.Reason, differences, period)),
            (note.By, note.Reason, note.At));
    }

    private static ObjectContent Followed(ObjectContent content, FollowContract contract, IReadOnlyList<IPNetwork> prefixes) => (content with
    {
        Prefixes = prefixes,
        Version = content.Version + 1,
        Settings = content.SettingsOrDefault with { DeclaredBitsPerSecond = contract.DeclaredBitsPerSecond },
    }).GuessedAnew();

    /// <summary>With other floors; what is only guessed follows them.</summary>
    private static ObjectContent WithFloors(ObjectContent content, IReadOnlyList<Threshold>? floors, IReadOnlyList<Guid> keptMarks) => floors is null
        ? content
        : (content with { Settings = content.SettingsOrDefault with { Floors = floors.Count == 0 ? null : floors } })
            .WithMarks(mark => keptMarks.Contains(mark.AnomalyId)).GuessedAnew();

    /// <summary>Those of a past version: what is not in force now is in force since now, and ends no sooner than any other.</summary>
    private static MarkedFloor[]? Anew(IReadOnlyList<MarkedFloor>? past, IReadOnlyList<MarkedFloor> now, DateTimeOffset at) =>
        past?.Select(mark => now.FirstOrDefault(known => known.AnomalyId == mark.AnomalyId) is { } known ? mark with { Since = known.Since } : mark with { Since = at }).ToArray();

    private static HoursOfWeek CalendarOf(ObjectContent content) =>
        HoursOfWeek.Find((content.SettingsOrDefault.Learning ?? LearningSettings.Default).Zone) ?? HoursOfWeek.Japan;

    /// <summary>Of a past version's prefixes those that the contract still has; those of now when it lost them all: what was set then is wanted all the same.</summary>
    private static IReadOnlyList<IPNetwork> StillOfContract(ProtectedObjectState current, ObjectContent past, ObjectContent now) =>
        past.Prefixes.Where(prefix => IsWithin(prefix, current.ContractPrefixes)).ToArray() is { Length: > 0 } left ? left : now.Prefixes;

    private static bool IsReason(string reason) => reason.Length <= MostReason && !string.IsNullOrWhiteSpace(reason);

    private static string? Fault(IReadOnlyList<Threshold> thresholds)
    {
        if (thresholds.Count == 0)
        {
            return "At least one threshold is needed; without any, nothing would ever be detected.";
        }

        if (thresholds.DistinctBy(threshold => (threshold.Vector, threshold.Level, threshold.Direction)).Count() != thresholds.Count)
        {
            return "Each vector may be named once per level and direction.";
        }

        if (thresholds.Any(threshold => threshold is { BitsPerSecond: null, PacketsPerSecond: null, FlowsPerSecond: null }))
        {
            return "Each threshold needs bits, packets or flows per second.";
        }

        return thresholds.Any(threshold => threshold.BitsPerSecond <= 0 || threshold.PacketsPerSecond <= 0 || threshold.FlowsPerSecond <= 0)
            ? "Rates must be above 0."
            : null;
    }

    /// <summary>The other content, or why not.</summary>
    private readonly record struct Changed(ObjectContent? Content, Rejection? Refusal)
    {
        public static implicit operator Changed(ObjectContent content) => new(content, null);

        public static implicit operator Changed(Rejection refusal) => new(null, refusal);
    }
}
