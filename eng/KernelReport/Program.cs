using Uffd;
using Uffd.KernelReport;

// What eng/kernel-matrix needs beside bash: the facts of the kernel it runs on, and the table of all results.
try
{
    switch (args)
    {
        case ["facts"]:
            Facts.Write(Console.Out);
            return 0;
        case ["summary", var folder]:
            Summary.Write(Console.Out, Column.Read(folder));
            return 0;
        case ["table", var folder, var mark, .. var notes]:
            Column[] columns = Column.ReadAll(folder, mark, Console.Error);
            if (columns.Length == 0)
            {
                throw new InvalidDataException($"{folder} holds no results of this program");
            }

            new Table(columns).Write(Console.Out, notes.FirstOrDefault(File.Exists));
            return 0;
        default:
            Console.Error.WriteLine("usage: KernelReport facts | summary FOLDER | table FOLDER MARK [NOTES]");
            return 2;
    }
}
catch (Exception exception) when (exception is IOException or InvalidDataException or System.Xml.XmlException or UnauthorizedAccessException or UffdException)
{
    Console.Error.WriteLine($"KernelReport: {exception.Message}");
    return 1;
}
