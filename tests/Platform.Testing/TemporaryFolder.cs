namespace Platform.Testing;

/// <summary>A folder that is gone at the end, even when the test process is killed.</summary>
public sealed class TemporaryFolder : IDisposable
{
    public TemporaryFolder(string purpose)
    {
        FullName = Directory.CreateTempSubdirectory($"platform-{purpose}-").FullName;
        Reaper.Remove(FullName);
    }

    public string FullName { get; }

    public string File(string name) => Path.Combine(FullName, name);

    public void Dispose()
    {
        try
        {
            Directory.Delete(FullName, recursive: true);
        }
        catch (IOException)
        {
            // A server that was killed a moment ago may still be writing; the reaper removes what is left.
        }
    }
}
