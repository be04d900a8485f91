using System.Net;
using Platform.EventStore;
using static Platform.Detection.ProtectedObjects.ProtectedObjectRejections;

namespace Platform.Detection.ProtectedObjects;

/// <summary>The contract is in force with this content: its object <c>default</c> follows.</summary>
internal sealed record FollowContract(
    Guid ContractId,
    string ServiceCode,
    IReadOnlyList<IPNetwork> Prefixes,
    long DeclaredBitsPerSecond,
    long ContractVersion,
    DateTimeOffset At);

internal sealed record RetireObject(Guid ObjectId, string ServiceCode, DateTimeOffset At);

/// <param name="ObjectId">The object.</param>
/// <param name="Thresholds">All thresholds of hosts from now on.</param>
/// <param name="ExpectedVersion">Version that the caller saw; null: whatever it is.</param>
/// <param name="At">Now (UTC).</param>
/// <param name="Wider">All thresholds of other levels and directions from now on; null: they stay.</param>
internal sealed record ChangeThresholds(
    Guid ObjectId,
    IReadOnlyList<Threshold> Thresholds,
    long? ExpectedVersion,
    DateTimeOffset At,
    IReadOnlyList<Threshold>? Wider = null);

/// <summary>The rules of protected objects. Facts about contracts come in any order: the highest contract version counts, an end is final.</summary>
internal static class ProtectedObjectDecider
{
    public const string DefaultName = "default";

    public static Decision<ProtectedObjectEvent> Decide(ProtectedObjectState current, FollowContract command)
    {
        if (current.IsRetired || command.ContractVersion <= current.ContractVersion)
        {
            return Decision<ProtectedObjectEvent>.Unchanged;
        }

        if (current.Content is not { } content)
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

        // Also when the prefixes stay: the contract version must be remembered, or an older fact would still be followed later.
        var followed = content with
        {
            Prefixes = command.Prefixes,
            Version = content.Version + 1,
            Settings = (content.Settings ?? new()) with { DeclaredBitsPerSecond = command.DeclaredBitsPerSecond },
        };
        return new ContractFollowed(followed, command.ContractVersion, command.At);
    }

    public static Decision<ProtectedObjectEvent> Decide(ProtectedObjectState current, RetireObject command) => current.IsRetired
        ? Decision<ProtectedObjectEvent>.Unchanged
        : new ProtectedObjectRetired(command.ObjectId, command.ServiceCode, command.At);

    public static Decision<ProtectedObjectEvent> Decide(ProtectedObjectState current, ChangeThresholds command)
    {
        if (current.Content is not { } content)
        {
            return Unknown(command.ObjectId);
        }

        if (current.IsRetired)
        {
            return Retired(command.ObjectId);
        }

        IReadOnlyList<Threshold> thresholds =
            [.. command.Thresholds, .. command.Wider ?? [.. content.Thresholds.Where(threshold => !threshold.IsOfHosts)]];
        if (Fault(thresholds) is { } fault)
        {
            return ThresholdsInvalid(fault);
        }

        if (command.ExpectedVersion is { } expected && expected != content.Version)
        {
            return ChangedMeanwhile(expected, content.Version);
        }

        if (content.Thresholds.ToHashSet().SetEquals(thresholds))
        {
            return Decision<ProtectedObjectEvent>.Unchanged;
        }

        return new ThresholdsChanged(
            content with
            {
                Thresholds = thresholds,
                Version = content.Version + 1,
                Settings = (content.Settings ?? new()) with { Profile = null },
            },
            command.At);
    }

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
}
