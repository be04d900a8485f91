using Platform.Hosting;

namespace Platform.Detection.ProtectedObjects;

internal static class ProtectedObjectModule
{
    public static void AddProtectedObjects(this WebApplicationBuilder builder)
    {
        builder.AddProjection<WatchedObjects>();
        builder.AddPublications<ProtectedObjectPublications>();
    }
}
