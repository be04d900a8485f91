using System.ComponentModel;
using Platform.Grpc.Tests;
using Platform.Testing;

[assembly: AssemblyFixture(typeof(GrpcJs))]

namespace Platform.Grpc.Tests;

/// <summary>@grpc/grpc-js, the other implementation that we speak with. Installed once, from the committed lock file.</summary>
public sealed class GrpcJs : IAsyncLifetime
{
    private string? _whyNot;

    public static string Protos { get; } = Path.Combine(AppContext.BaseDirectory, "Protos");

    private static string Folder { get; } = Path.Combine(AppContext.BaseDirectory, "Interop");

    /// <summary>Skips the test when the packages could not be installed.</summary>
    public void Required() => Assert.SkipUnless(_whyNot is null, $"npm could not install @grpc/grpc-js: {_whyNot}");

    public static string Script(string name) => Path.Combine(Folder, name);

    public async ValueTask InitializeAsync()
    {
        // npm writes this file last.
        if (File.Exists(Path.Combine(Folder, "node_modules", ".package-lock.json")))
        {
            return;
        }

        try
        {
            await Command.Run([
                "npm", "ci", "--prefix", Folder, "--ignore-scripts", "--no-audit", "--no-fund", "--fetch-retries=1", "--fetch-timeout=30000"]);
        }
        catch (Exception e) when (e is InvalidOperationException or Win32Exception)
        {
            _whyNot = e.Message;
        }
    }

    public ValueTask DisposeAsync() => ValueTask.CompletedTask;
}
