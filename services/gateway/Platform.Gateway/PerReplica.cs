using MassTransit;

namespace Platform.Gateway;

/// <summary>Queues of one replica, for facts that every replica must hear and nobody needs later.</summary>
internal static class PerReplica
{
    public static void Queue(IEndpointRegistrationConfigurator endpoint, string subject)
    {
        endpoint.InstanceId = $"-{subject}-{NewId.NextGuid():N}";
        endpoint.Temporary = true;
    }
}
